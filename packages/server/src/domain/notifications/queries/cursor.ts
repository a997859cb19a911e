import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { eventIdOf, type LoggedEvent } from '../../../core/events.ts'
import { loggedAt, positionBefore } from '../../../core/feed/log.ts'
import { feedHead } from '../../../core/outbox.ts'
import { EventsGone } from '../model/events.ts'
import '../tables/events.ts'

/** Where the log stands: what was removed, and the newest event. */
export type LogEnds = Readonly<{ start: number; head: number }>

export async function logEnds(db: Db): Promise<LogEnds> {
  const removed = await db.selectFrom('eventLogStart').select('position').executeTakeFirst()
  return { start: removed?.position ?? 0, head: await feedHead(db) }
}

/** A place in the log: all up to `position` was told. `event` is the last of the caller's workspace that was met on the way. */
export type Place = Readonly<{ position: number; event?: Landmark | undefined }>
type Landmark = Pick<LoggedEvent, 'id' | 'position' | 'workspaceId' | 'createdAt'>

const scopeOf = ({ workspaceId }: Ctx): string => `notifications.events ${workspaceId}`

/** One cursor for all filters, for the log and for its stream: a place is a place. */
export const cursorAt = ({ position, event }: Place, ctx: Ctx): string =>
  ctx.cursors.encode(scopeOf(ctx), event ? [position, event.position, eventIdOf(event)] : [position])

const gone = (why: string) => new AppError(EventsGone, `${why} Read anew what you keep of this store, then go on without a cursor.`)

/**
 * The place of a cursor. The event that was met last must be where it was: in a store that was set back to a backup other
 * events get the same positions.
 * @throws CursorInvalid (400); EventsGone (410) when what followed it was removed, or was never told in this store
 */
export async function placeOf(cursor: string, { start, head }: LogEnds, db: Db, ctx: Ctx): Promise<Place> {
  const [position, at = 0, id] = ctx.cursors.decode(scopeOf(ctx), cursor) as [number, number?, string?]
  if (position < start) throw gone('Events after this cursor were removed for their age.')
  const event = at > start ? await loggedAt(db, at) : undefined
  if (position > head || (at > start && (!event || eventIdOf(event) !== id)))
    throw gone('The store was set back to an earlier state, and this cursor is of what came after.')
  return { position, event }
}

/** Where to begin without a cursor: at the oldest event, or not far before those of a time. */
export const placeAt = async (since: string | undefined, { start, head }: LogEnds, db: Db): Promise<Place> => ({
  position: since === undefined ? start : await positionBefore(db, since, start, head),
})
