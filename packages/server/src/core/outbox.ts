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
      traceparent: string | null
    }
  }
}

/**
 * Write events into the outbox and the audit trail, in the transaction of the change they tell of, in one statement.
 * @param by.explicitWorkspace for work across workspaces, where the transaction has none set
 * @param by.audit false: leave no audit entries
 * @param by.traceparent the trace that the change is part of
 * @returns them as the feed will give them
 */
export async function appendEvents(
  tx: Db,
  events: readonly DomainEvent[],
  by: Readonly<{
    workspaceId: string
    actor: string
    requestId: string
    at: string
    traceparent?: string | undefined
    explicitWorkspace?: boolean
    audit?: boolean
  }>,
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
  const told = [...values, by.explicitWorkspace ? by.workspaceId : null, by.traceparent ?? null]
  const query =
    by.audit === false
      ? CompiledQuery.raw(appendSql, told)
      : CompiledQuery.raw(appendAuditedSql, [...told, events.map((e) => e.before ?? null), events.map((e) => e.after ?? null)])
  const { rows } = await tx.executeQuery<{ id: number; xid: string }>(query)
  return events.map((event, i) => ({ ...event, id: rows[i]!.id, xid: rows[i]!.xid, position: null, workspaceId: by.workspaceId }))
}

/**
 * Take a field out of what was told of a subject, where it says something that is to be forgotten.
 * @param where fields that the data of those events must have, with their values
 */
export async function forgetTold(
  tx: Db,
  subject: string,
  type: string,
  where: Readonly<Record<string, unknown>>,
  field: string,
): Promise<void> {
  await sql`update outbox set data = data - ${field}::text where subject = ${subject} and type = ${type} and data @> ${JSON.stringify(where)}::jsonb`.execute(
    tx,
  )
}

/** Named, since every change runs it. Rows come back in the order of the events. */
const insertSql = `insert into outbox (workspace_id, type, subject, data, actor, request_id, created_at, traceparent)
select coalesce($7::uuid, current_workspace()), type, subject, data::jsonb, $4, $5, $6, $8
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as e (type, subject, data, n) order by n returning id, xid`

const appendSql = `/*hot:append_events*/ ${insertSql}`

/** The same with an audit entry beside each event; both inserts are one statement, so that the trail costs no round trip. */
const appendAuditedSql = `/*hot:append_audited_events*/
with told as (${insertSql}),
audited as (insert into audit_entry (workspace_id, at, actor, action, subject, before_hash, after_hash, request_id, data)
  select coalesce($7::uuid, current_workspace()), $6, $4, type, subject, decode(before, 'hex'), decode(after, 'hex'), $5, data::jsonb
  from unnest($1::text[], $2::text[], $3::text[], $9::text[], $10::text[]) with ordinality as e (type, subject, data, before, after, n) order by n)
select id, xid from told`

/** The newest position that the relay has given. */
export async function feedHead(db: Db): Promise<number> {
  const { rows } = await sql<{ position: number }>`select position from feed_head`.execute(db)
  return rows[0]!.position
}

export type PlacedEvent = Readonly<{ position: number; workspaceId: string; type: string; subject: string; createdAt: string }>

/** What happened after a position, in order, of all workspaces: for work that follows the feed with a position of its own. */
export async function placedEvents(db: Db, { after, limit }: { after: number; limit: number }): Promise<PlacedEvent[]> {
  const { rows } = await sql<PlacedEvent>`
    select position, workspace_id, type, subject, created_at from outbox where position > ${after} order by position limit ${limit}`.execute(
    db,
  )
  return rows
}

/** Where an event stands in the feed; null while the relay has not placed it, undefined when it was removed. */
export async function positionOf(db: Db, id: number): Promise<number | null | undefined> {
  const { rows } = await sql<{ position: number | null }>`select position from outbox where id = ${id}`.execute(db)
  return rows[0]?.position
}
