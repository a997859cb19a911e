import { type Counted, dayMs, flag, hourMs } from './measurement.ts'
import { added } from './sketch.ts'
import { count, emptyTally, mergeTally, type Tally } from './tally.ts'

/** The sum of all series, and what is beyond the limit of series. */
export const totalSeries = 0
export const otherSeries = -1

export const grains = { hour: 0, day: 1, month: 2 } as const
export type Grain = keyof typeof grains

/** The beginning of the hour, day or month (UTC) of a time. Milliseconds since 1970. */
export function startOf(grain: Grain, at: number): number {
  if (grain === 'hour') return at - (((at % hourMs) + hourMs) % hourMs)
  if (grain === 'day') return at - (((at % dayMs) + dayMs) % dayMs)
  const date = new Date(at)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
}

/** Series of one workspace and hour that are told apart. */
export const mostSeriesPerHour = 50_000
/** Users of one workspace and day that are told apart. */
export const mostUsersPerDay = 10_000

/** A raw row, as the fold reads it. */
export type RawRow = Counted & Readonly<{ workspaceId: string; series: number }>

/** A place in the rollups. `at` in milliseconds since 1970. */
export type Place = Readonly<{ workspaceId: string; grain: Grain; at: number; series: number }>
export type Placed = Place & Readonly<{ tally: Tally }>

export type UserSums = { requests: number; errors: number; tokens: number; outputTokens: number; costMicros: number }
export type UserPlace = Readonly<{ workspaceId: string; at: number; userHash: string }>
export type PlacedUser = UserPlace & Readonly<{ sums: UserSums }>

/** What raw rows add up to. */
export type Counting = Readonly<{
  add(row: RawRow): void
  /** By workspace, hour and series. */
  hours(): Placed[]
  /** By workspace, day and user. Ratings are no use. */
  users(): PlacedUser[]
}>

export function startCounting(): Counting {
  const hours = new Map<string, Placed>()
  const users = new Map<string, PlacedUser>()
  let last: Placed | undefined // neighbours are mostly of the same place
  const hourOf = (row: RawRow): Placed => {
    const at = startOf('hour', row.occurredAt)
    if (last?.at === at && last.series === row.series && last.workspaceId === row.workspaceId) return last
    const key = `${row.workspaceId} ${at} ${row.series}`
    const hour = hours.get(key) ?? { workspaceId: row.workspaceId, grain: 'hour', at, series: row.series, tally: emptyTally() }
    hours.set(key, hour)
    last = hour
    return hour
  }
  return {
    add(row) {
      count(hourOf(row).tally, row)
      if (row.userHash !== null && !(row.flags & flag.rating)) countUser(users, row, row.userHash)
    },
    hours: () => [...hours.values()],
    users: () => [...users.values()],
  }
}

function countUser(users: Map<string, PlacedUser>, row: RawRow, userHash: string): void {
  const at = startOf('day', row.occurredAt)
  const key = `${row.workspaceId} ${at} ${userHash}`
  let user = users.get(key)
  if (!user) {
    user = { workspaceId: row.workspaceId, at, userHash, sums: { requests: 0, errors: 0, tokens: 0, outputTokens: 0, costMicros: 0 } }
    users.set(key, user)
  }
  addUse(user.sums, {
    requests: 1,
    errors: row.flags & flag.success ? 0 : 1,
    tokens: row.inputTokens + row.outputTokens,
    outputTokens: row.outputTokens,
    costMicros: row.costMicros ?? 0,
  })
}

export function addUse(into: UserSums, from: UserSums): void {
  into.requests = added(into.requests, from.requests)
  into.errors = added(into.errors, from.errors)
  into.tokens = added(into.tokens, from.tokens)
  into.outputTokens = added(into.outputTokens, from.outputTokens)
  into.costMicros = added(into.costMicros, from.costMicros)
}

const into = (places: Map<string, Placed>, place: Place, tally: Tally): void => {
  const key = `${place.workspaceId} ${place.grain} ${place.at} ${place.series}`
  let one = places.get(key)
  if (!one) {
    one = { ...place, tally: emptyTally() }
    places.set(key, one)
  }
  mergeTally(one.tally, tally)
}

/** What hours add to every grain, to their own series and to the sum of all. @param series the number under which a place is counted */
export function spread(
  hours: readonly Placed[],
  series: (place: Place) => number,
  wanted: readonly Grain[] = ['hour', 'day', 'month'],
): Placed[] {
  const places = new Map<string, Placed>()
  for (const hour of hours) {
    const counted = series(hour)
    for (const grain of wanted) {
      const at = startOf(grain, hour.at)
      into(places, { ...hour, grain, at, series: counted }, hour.tally)
      into(places, { ...hour, grain, at, series: totalSeries }, hour.tally)
    }
  }
  return [...places.values()]
}

/** Which of the things that come to a place are counted by themselves: those that are there already, and of the others the first until it is full. */
export function admitted<K>(wanted: readonly K[], present: ReadonlySet<K>, count: number, most: number): Set<K> {
  const fresh = wanted.filter((one) => !present.has(one)).sort((a, b) => (a < b ? -1 : 1))
  return new Set([...present, ...fresh.slice(0, Math.max(0, most - count))])
}
