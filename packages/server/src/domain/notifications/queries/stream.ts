import type { Answer } from '../../../core/answer.ts'
import type { Ctx } from '../../../core/context.ts'
import { eventStream, type StreamEvent } from '../../../core/event-stream.ts'
import type { LoggedEvent } from '../../../core/events.ts'
import { fits, type LogFilter } from '../../../core/feed/log.ts'
import { shown } from '../model/events.ts'
import type { Visibility } from '../model/visibility.ts'
import { cursorAt, logEnds, type Place, placeAt, placeOf } from './cursor.ts'
import { nextEvents } from './log.ts'
import type { Tail, Watch } from './tail.ts'

/** Events that are read from the database in one go. */
const catchUp = 200
/** A stream that passed over so many positions without telling anything tells where it is. */
const quietPositions = 5_000

export type StreamQuery = Readonly<{
  type?: readonly string[] | undefined
  subject?: string | undefined
  since?: string | undefined
  cursor?: string | undefined
  seconds?: number | undefined
}>

type Telling = Readonly<{ from: Place; filter: LogFilter; sees: Visibility['sees']; seconds: number | undefined; ctx: Ctx }>

/**
 * The log as server-sent events, and then what happens from now on. The id of each is a cursor: what a caller that comes
 * back sends as `Last-Event-ID`.
 * @throws CursorInvalid (400), EventsGone (410), before the stream begins
 */
export async function streamEvents(
  { type, subject, since, seconds, ...query }: StreamQuery,
  lastEventId: string | undefined,
  { tail, sees, ctx }: { tail: Tail; sees: Visibility['sees']; ctx: Ctx },
): Promise<Answer> {
  const cursor = lastEventId || query.cursor
  const from = await ctx.read(async (db): Promise<Place> => {
    const ends = await logEnds(db)
    if (cursor !== undefined) return placeOf(cursor, ends, db, ctx)
    return since === undefined ? { position: ends.head } : placeAt(since, ends, db)
  })
  const telling: Telling = { from, filter: { types: type, subject, since }, sees, seconds, ctx }
  return eventStream((signal) => watched(telling, tail, signal))
}

async function* watched(telling: Telling, tail: Tail, gone: AbortSignal): AsyncGenerator<StreamEvent> {
  const { seconds = 0, ctx } = telling
  const signal = seconds > 0 ? AbortSignal.any([gone, AbortSignal.timeout(seconds * 1_000)]) : gone
  const watch = tail.watch(ctx.workspaceId)
  try {
    yield* tell(telling, watch, signal)
  } finally {
    watch.end()
  }
}

/** A pace of the stream: what came after a place, read or remembered. */
type Pace = Readonly<{ events: readonly LoggedEvent[]; upTo: number; last?: Place['event'] }>

async function* tell({ from, filter, sees, seconds, ctx }: Telling, watch: Watch, signal: AbortSignal): AsyncGenerator<StreamEvent> {
  const marker = (place: Place): StreamEvent => ({ id: cursorAt(place, ctx), event: 'position', data: {} })
  let place = from
  let told = from.position
  yield marker(place) // who loses the connection before anything was told knows where to go on
  while (!signal.aborted && !watch.isBroken()) {
    const pace: Pace = watch.after(place.position) ?? (await readPace(place, { filter, sees, ctx }))
    for (const event of pace.events) {
      place = { position: event.position, event }
      if (!fits(event, filter) || !sees(event)) continue
      told = event.position
      yield { id: cursorAt(place, ctx), event: 'message', data: shown(event) }
      if (signal.aborted || watch.isBroken()) return
    }
    const isIdle = pace.events.length === 0 && pace.upTo === place.position
    place = { event: pace.last ?? place.event, position: pace.upTo }
    if (place.position - told > quietPositions) {
      told = place.position
      yield marker(place)
    }
    if (!isIdle) continue
    if (seconds === 0) return
    const fresh = watch.after(place.position) // looked at again, since it may have moved while the database was read
    if (!fresh || (fresh.events.length === 0 && fresh.upTo === place.position)) await watch.moved(signal)
  }
}

const readPace = (place: Place, { filter, sees, ctx }: Pick<Telling, 'filter' | 'sees' | 'ctx'>): Promise<Pace> =>
  ctx.read(async (db) => {
    const { head } = await logEnds(db)
    const step = await nextEvents(db, place, { head, size: catchUp, filter, sees })
    return { events: step.events, upTo: step.place.position, last: step.place.event }
  })
