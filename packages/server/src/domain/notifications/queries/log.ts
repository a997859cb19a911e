import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import type { LoggedEvent } from '../../../core/events.ts'
import { type LogFilter, logged, positionAhead } from '../../../core/feed/log.ts'
import { pageSize } from '../../../core/page.ts'
import { type Event, shown } from '../model/events.ts'
import type { Visibility } from '../model/visibility.ts'
import { cursorAt, logEnds, type Place, placeAt, placeOf } from './cursor.ts'

/** Events of the workspace that are looked at in one go, whether they fit or not, and how many goes one answer may take. */
const window = 5_000
const maxGoes = 4

export type Step = Readonly<{
  events: readonly LoggedEvent[]
  /** All up to here was looked at. */
  place: Place
  /** There is more beyond it. */
  more: boolean
}>

/** The next events of the workspace that fit and may be seen: `size` at most, perhaps none though there are more. */
export async function nextEvents(
  db: Db,
  from: Place,
  { head, size, filter, sees }: { head: number; size: number; filter: LogFilter; sees: Visibility['sees'] },
): Promise<Step> {
  const events: LoggedEvent[] = []
  let place = from
  for (let go = 0; go < maxGoes && place.position < head; go++) {
    const end = Math.min((await positionAhead(db, place.position, window)) ?? head, head)
    const rows = await logged(db, { after: place.position, upTo: end, limit: size + 1 }, filter)
    for (const event of rows) {
      if (events.length === size) return { events, place, more: true }
      if (sees(event)) events.push(event)
      place = { position: event.position, event }
    }
    if (rows.length <= size && place.position < end) place = { ...place, position: end }
  }
  return { events, place, more: place.position < head }
}

export type LogQuery = Readonly<{
  type?: readonly string[] | undefined
  subject?: string | undefined
  since?: string | undefined
  cursor?: string | undefined
  limit?: number | undefined
}>
export type EventPage = { items: Event[]; nextCursor: string | null; cursor: string }

/** One page of the log, oldest first. @throws CursorInvalid (400), EventsGone (410) */
export const listEvents = ({ type, subject, since, cursor, limit }: LogQuery, sees: Visibility['sees'], ctx: Ctx): Promise<EventPage> =>
  ctx.read(async (db) => {
    const ends = await logEnds(db)
    const from = cursor === undefined ? await placeAt(since, ends, db) : await placeOf(cursor, ends, db, ctx)
    const filter = { types: type, subject, since }
    const { events, place, more } = await nextEvents(db, from, { head: ends.head, size: pageSize(limit), filter, sees })
    const next = cursorAt(place, ctx)
    return { items: events.map(shown), nextCursor: more ? next : null, cursor: next }
  })
