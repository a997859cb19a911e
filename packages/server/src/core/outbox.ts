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
  const rows = await tx
    .insertInto('outbox')
    .values(
      events.map((event) => ({
        ...(by.explicitWorkspace && { workspaceId: by.workspaceId }),
        type: event.type,
        subject: event.subject,
        data: JSON.stringify(event.data),
        actor: by.actor,
        requestId: by.requestId,
        createdAt: by.at,
      })),
    )
    .returning(['id', 'xid'])
    .execute()
  return events.map((event, i) => ({ ...event, id: rows[i]!.id, xid: rows[i]!.xid, position: null, workspaceId: by.workspaceId }))
}
