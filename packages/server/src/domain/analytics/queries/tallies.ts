import { sql } from 'kysely'

import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { Overloaded } from '../../../core/problem.ts'
import { tooMuch } from '../model/range.ts'
import { type Grain, type RawRow, startOf } from '../model/rollup.ts'
import { addSums, count, emptyTally, mergeStored, type StoredTally, type Sums, sums, sumsIn, type Tally } from '../model/tally.ts'
import { piecesOf } from '../store/cursor.ts'
import { type Filter, grainOf, type Scope, timeOf } from './scope.ts'

/** Sums and sketches of one time, apart by group. */
export type GroupsAt<G> = Readonly<{ at: number; groups: ReadonlyMap<G, Tally> }>
/** Sums and sketches of one time. */
export type Point = Readonly<{ at: number; tally: Tally }>

const snake = (name: string) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
const sketches = ['latency_sketch', 'tokens_sketch', 'cost_sketch', 'output_sketch', 'score_sketch', 'users_sketch']
const columns = sql.raw([...sums.map(snake), ...sketches].map((name) => `r.${name}`).join(', '))

/**
 * `rows` of the rollups are what one read takes at most, for the time it takes: beyond that a question has to be narrower or
 * coarser. Rows that are not counted yet are usually those of the last second, read at once (`tailAtOnce`); more are read by
 * pieces, and of too many (`tail`) nothing is told.
 */
const usual = { rows: 60_000, tailAtOnce: 5_000, tail: 1_000_000 }
export type Limits = typeof usual
/** Rows of the rollups that are in memory at once: each has some kilobytes. */
const rowsAtOnce = 1_000

function tallyOf<G>(groups: Map<G, Tally>, group: G): Tally {
  const tally = groups.get(group) ?? emptyTally()
  groups.set(group, tally)
  return tally
}

/**
 * What was measured, one time after another (in no order), from the rollups, and from the few rows that are not in them yet:
 * one snapshot shows each event once. How many events there were is of no matter; of the times one is in memory.
 * @param db one snapshot of the workspace
 * @param groupOf which group a series belongs to
 * @throws QuestionInvalid (422) when there are more rows than one answer is made of; Overloaded (503) while counting is so far
 *   behind that the answer would lack something
 */
export async function* pointsByGroup<G>(
  db: Db,
  grain: Grain,
  filter: Filter,
  scope: Scope,
  groupOf: (series: number) => G,
  limits: Partial<Limits> = {},
): AsyncGenerator<GroupsAt<G>> {
  const fresh = new Map<number, Map<G, Tally>>()
  const groupsAt = (at: number) => fresh.get(at) ?? new Map<G, Tally>()
  for await (const piece of tail(db, filter, scope, limits))
    for (const row of piece) {
      const at = startOf(grain, row.occurredAt)
      const groups = groupsAt(at)
      fresh.set(at, groups)
      count(tallyOf(groups, groupOf(row.series)), row)
    }
  let open: { at: number; groups: Map<G, Tally> } | undefined
  for await (const piece of rollups(db, grain, filter, scope, limits))
    for (const row of piece) {
      if (open?.at !== row.at) {
        if (open) yield open
        open = { at: row.at, groups: groupsAt(row.at) }
        fresh.delete(row.at)
      }
      mergeStored(tallyOf(open.groups, groupOf(row.series)), row)
    }
  if (open) yield open
  for (const [at, groups] of fresh) yield { at, groups }
}

/** What was measured, all series together, by time, in order. @throws like `pointsByGroup` */
export async function points(db: Db, grain: Grain, filter: Filter, scope: Scope, limits: Partial<Limits> = {}): Promise<Point[]> {
  const found: Point[] = []
  for await (const { at, groups } of pointsByGroup(db, grain, filter, scope, () => undefined, limits))
    found.push({ at, tally: groups.get(undefined)! })
  return found.sort((a, b) => a.at - b.at)
}

type StoredPlace = StoredTally & { at: number; series: number }

/** Rows of the rollups, time after time. @throws QuestionInvalid (422) */
function rollups(db: Db, grain: Grain, filter: Filter, scope: Scope, limits: Partial<Limits>): AsyncGenerator<StoredPlace[]> {
  const query = sql`
    select (extract(epoch from r.at) * 1000)::bigint as at, r.series, ${columns} from usage_rollup r
    where r.grain = ${grainOf(grain)} and r.at >= ${timeOf(filter.from)} and r.at < ${timeOf(filter.to)} and ${scope.matching}
    order by r.at`
  return upTo({ ...usual, ...limits }.rows, piecesOf<StoredPlace>(db, query, rowsAtOnce), tooMuch)
}

/**
 * Raw rows that the fold has not counted, all of them. While all is to be counted again there is no saying which those are.
 * Few come in one trip; of many, few are in memory at a time.
 */
function tail(db: Db, filter: Filter, scope: Scope, limits: Partial<Limits>): AsyncGenerator<RawRow[]> {
  const { tail: most, tailAtOnce } = { ...usual, ...limits }
  const query = sql`
    select r.series, (extract(epoch from r.occurred_at) * 1000)::bigint as occurred_at, r.latency_us, r.cost_micros, r.input_tokens, r.output_tokens,
      r.cached_tokens, r.ttft_us, r.score, r.flags, encode(r.user_hash, 'hex') as user_hash
    from usage_event r where r.xid >= (select horizon from usage_fold where counted_by is not null)
      and r.occurred_at >= ${timeOf(filter.from)} and r.occurred_at < ${timeOf(filter.to)} and ${scope.whole ? sql`true` : scope.matching}`
  return upTo(most, piecesOf<RawRow>(db, query, tailAtOnce), () => behind(most))
}

/** @throws what is given, when there are more rows than that */
async function* upTo<T>(most: number, all: AsyncGenerator<T[]>, tooMany: () => Error): AsyncGenerator<T[]> {
  let read = 0
  for await (const piece of all) {
    read += piece.length
    if (read > most) throw tooMany()
    yield piece
  }
}

const behind = (most: number) =>
  new AppError(
    Overloaded,
    `More than ${most.toLocaleString('en')} events of this time are stored but not counted yet, and an answer would lack some. Ask again in a few seconds, or for an earlier time.`,
    { headers: { 'Retry-After': '5' } },
  )

const added = sql.raw(sums.map((name) => `sum(r.${snake(name)})::bigint as ${snake(name)}`).join(', '))

/** The sums of each series over a time, without sketches. @param grain the coarsest that the time is made of @throws Overloaded (503) like `points` */
export async function sumsBySeries(
  db: Db,
  grain: Grain,
  filter: Filter,
  scope: Scope,
  limits: Partial<Limits> = {},
): Promise<Map<number, Sums>> {
  const { rows } = await sql<Sums & { series: number }>`
    select r.series, ${added} from usage_rollup r
    where r.grain = ${grainOf(grain)} and r.at >= ${timeOf(filter.from)} and r.at < ${timeOf(filter.to)} and ${scope.matching}
    group by r.series`.execute(db)
  const found = new Map<number, Sums>(rows.map(({ series, ...own }) => [series, own]))
  const fresh = new Map<number, Tally>() // sketches take room: of the few that are not counted yet
  for await (const piece of tail(db, filter, scope, limits)) for (const row of piece) count(tallyOf(fresh, row.series), row)
  for (const [series, tally] of fresh) {
    const counted = found.get(series)
    if (counted) addSums(tally, counted)
    found.set(series, sumsIn(tally))
  }
  return found
}
