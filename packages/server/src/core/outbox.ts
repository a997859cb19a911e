import { CompiledQuery, sql } from 'kysely'
import type { Db, Generated, Json } from './db.ts'
import type { DomainEvent, FeedEvent } from './events.ts'

declare module './db.ts' {
  interface Tables {
    outbox: Owned & {
      id: Generated<number>
      position: Generated<number | null>
      xid: Generated<string>
      type: string
      subject: string
      data: Json<Readonly<Record<string, unknown>>>
      actor: string
      requestId: string
      createdAt: string
    }
  }
}

/**
 * Write events into the outbox, in the transaction of the change they tell of.
 * @param by.explicitWorkspace for work across workspaces, where the transaction has none set
 * @returns them as the feed will give them
 */
export async function appendEvents(
  tx: Db,
  events: readonly DomainEvent[],
  by: { workspaceId: string; actor: string; requestId: string; at: string; explicitWorkspace?: boolean },
): Promise<FeedEvent[]> {
  if (events.length === 0) return []
  const values = [
    events.map((e) => e.type),
    events.map((e) => e.subject),
    events.map((e) => JSON.stringify(e.data)),
    by.actor,
    by.requestId,
    by.at,
  ]
  const { rows } = await tx.executeQuery<{ id: number; xid: string }>(
    CompiledQuery.raw(appendSql, [...values, by.explicitWorkspace ? by.workspaceId : null]),
  )
  return events.map((event, i) => ({ ...event, id: rows[i]!.id, xid: rows[i]!.xid, position: null, workspaceId: by.workspaceId }))
}

/** Named, since every change runs it. Rows come back in the order of the events. */
const appendSql = `/*hot:append_events*/
insert into outbox (workspace_id, type, subject, data, actor, request_id, created_at)
select coalesce($7::uuid, current_workspace()), type, subject, data::jsonb, $4, $5, $6
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as e (type, subject, data, n) order by n returning id, xid`

/** The newest position that the relay has given. */
export async function feedHead(db: Db): Promise<number> {
  const { rows } = await sql<{ position: number }>`select position from feed_head`.execute(db)
  return rows[0]!.position
}

/** What happened after a position, in order, of all workspaces: for work that follows the feed with a position of its own. */
export async function placedEvents(
  db: Db,
  { after, limit }: { after: number; limit: number },
): Promise<{ position: number; workspaceId: string; type: string; subject: string }[]> {
  const { rows } = await sql<{ position: number; workspaceId: string; type: string; subject: string }>`
    select position, workspace_id, type, subject from outbox where position > ${after} order by position limit ${limit}`.execute(db)
  return rows
}

/** Where an event stands in the feed; null while the relay has not placed it. */
export async function positionOf(db: Db, id: number): Promise<number | null> {
  const { rows } = await sql<{ position: number | null }>`select position from outbox where id = ${id}`.execute(db)
  return rows[0]?.position ?? null
}
