import { sql } from 'kysely'
import { visibleCategories } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { pageSize } from '../../../core/page.ts'
import { Forbidden } from '../../../core/problem.ts'
import { promptFacts } from '../../prompts/index.ts'
import type { Grouping } from '../model/groups.ts'
import { type Asked, iso, noFilterByUser, rangeOf } from '../model/range.ts'
import { reportOf, type Use, useOf } from '../model/report.ts'
import { startOf } from '../model/rollup.ts'
import { emptyTally, mergeTally, type Sums, type Tally } from '../model/tally.ts'
import { listAlerts } from './alerts.ts'
import type { Dimension } from './dashboard.ts'
import { type GroupSums, groupsOf, measuredSeries } from './groups.ts'
import { scopeOf, timeOf } from './scope.ts'
import { points } from './tallies.ts'

type Item = { key: string; name: string | null } & Use
const itemsOf = (found: readonly GroupSums[], limit?: number) => ({
  items: found.slice(0, pageSize(limit)).map(({ key, name, sums: own }): Item => ({ key, name, ...useOf(own) })),
  groupCount: found.length,
})

type Wanted = Dimension & Asked & Readonly<{ groupBy?: Grouping | 'user' | 'hour' | undefined; limit?: number | undefined }>

/** Who and what used how much, the most first. */
export async function getUsage({ groupBy = 'prompt', from, to, interval, limit, ...filter }: Wanted, ctx: Ctx) {
  const range = rangeOf({ from, to, interval: groupBy === 'hour' ? 'hour' : (interval ?? 'day') }, Date.parse(ctx.now()))
  const told = { from: iso(range.from), to: iso(range.to) }
  if (groupBy === 'user') return { ...told, ...(await users(range, filter, limit, ctx)) }
  const wanted = { ...filter, from: range.from, to: range.to }
  return ctx.read(async (db) => {
    if (groupBy === 'hour') {
      const found = await points(db, 'hour', wanted, scopeOf(wanted, false, ctx))
      const hours = [...Map.groupBy(found, ({ at }) => new Date(at).getUTCHours())].sort(([a], [b]) => a - b)
      const items = hours.map(([hour, own]) => ({ key: String(hour), name: null, ...useOf(sumOf(own.map(({ tally }) => tally))) }))
      return { ...told, items, groupCount: items.length }
    }
    return { ...told, ...itemsOf(groupsOf(await measuredSeries(db, range.interval, wanted, ctx), groupBy), limit) }
  })
}

const sumOf = (tallies: readonly Tally[]): Tally => {
  const sum = emptyTally()
  for (const tally of tallies) mergeTally(sum, tally)
  return sum
}

type UserRow = { hash: string; requests: number; errors: number; tokens: number; outputTokens: number; costMicros: number }

/** By keyed hash, which is what the workspace knows a user by. What users do is of the whole workspace: who sees a part of it is not told. */
async function users({ from, to }: { from: number; to: number }, filter: Dimension, limit: number | undefined, ctx: Ctx) {
  if (visibleCategories(ctx.actor))
    throw new AppError(Forbidden, 'Use by user is told of the whole workspace, of which you may see a part.', {
      members: { permission: 'analytics:read' },
    })
  if (Object.values(filter).some((value) => value !== undefined)) throw noFilterByUser()
  const { rows } = await ctx.read((db) =>
    sql<UserRow & { groups: number }>`
      select encode(user_hash, 'hex') as hash, sum(requests)::bigint as requests, sum(errors)::bigint as errors, sum(tokens)::bigint as tokens,
        sum(output_tokens)::bigint as output_tokens, sum(cost_micros)::bigint as cost_micros, count(*) over ()::int as groups
      from usage_user where at >= ${timeOf(from)} and at < ${timeOf(to)} group by user_hash order by 2 desc, 1 limit ${pageSize(limit)}`.execute(
      db,
    ),
  )
  const items = rows.map(({ hash, requests, errors, tokens, outputTokens, costMicros }) => ({
    key: hash === '' ? '__other__' : hash,
    name: null,
    ...useOf({ ...emptyTally(), requests, errors, inputTokens: tokens - outputTokens, outputTokens, costMicros }),
    meanLatencyMs: null,
  }))
  return { items, groupCount: rows[0]?.groups ?? 0 }
}

/** How many of each distribution are told. */
const told = 20
const mostPrompts = 5_000

type Share = { key: string; requests: number; costUsd: number }

/** The biggest shares of use by some property, of which each thing may have several. */
function shares<T>(all: readonly (readonly [T, Sums])[], keysOf: (one: T) => readonly string[]): Share[] {
  const found = new Map<string, Share>()
  for (const [one, own] of all)
    for (const key of keysOf(one)) {
      const share = found.get(key) ?? { key, requests: 0, costUsd: 0 }
      found.set(key, share)
      share.requests += own.requests
      share.costUsd += own.costMicros / 1e6
    }
  return [...found.values()].sort((a, b) => b.requests - a.requests || (a.key < b.key ? -1 : 1)).slice(0, told)
}

const dayOf = 86_400_000

/** Tests of prompts that run now and that the caller may see. */
export type RunningTests = (ctx: Ctx) => Promise<{ id: string; name: string; startedAt: string | null }[]>

/** The last days beside as many before: totals, the prompts that are used most, and what use is made of. */
export const getSummary = (runningTests: RunningTests) => async (asked: { days?: number | undefined }, ctx: Ctx) => {
  const [measured, tests, alerts] = await Promise.all([summaryOf(asked, ctx), runningTests(ctx), listAlerts(ctx)])
  const openAlerts = alerts.items
    .filter(({ state }) => state === 'firing')
    .map(({ id, name, metric, since }) => ({ id, name, metric, since }))
  return { ...measured, runningTests: tests, openAlerts }
}

async function summaryOf({ days = 30 }: { days?: number | undefined }, ctx: Ctx) {
  const now = Date.parse(ctx.now())
  const range = rangeOf({ from: iso(startOf('day', now) - (days - 1) * dayOf), interval: 'day' }, now)
  const before = { from: range.from - days * dayOf, to: range.from }
  return ctx.read(async (db) => {
    const total = (wanted: { from: number; to: number }) => points(db, 'day', wanted, scopeOf(wanted, false, ctx))
    const present = await total(range)
    const previous = await total(before)
    const measured = await measuredSeries(db, 'day', range, ctx)
    const byPrompt = groupsOf(measured, 'prompt')
    const ids = byPrompt.map(({ key }) => key).filter((key) => key !== '__other__')
    const facts = new Map((await promptFacts(db, ids.slice(0, mostPrompts))).map((prompt) => [prompt.id, prompt]))
    const known = byPrompt.flatMap(({ key, sums: own }) => (facts.has(key) ? [[facts.get(key)!, own] as const] : []))
    const models = measured.flatMap(({ series, sums }) => (series ? [[series, sums] as const] : []))
    return {
      days,
      from: iso(range.from),
      to: iso(range.to),
      totals: reportOf(sumOf(present.map(({ tally }) => tally))),
      previous: reportOf(sumOf(previous.map(({ tally }) => tally))),
      activity: present.map(({ at, tally }) => ({ at: iso(at), ...useOf(tally) })),
      topPrompts: itemsOf(byPrompt, 10).items,
      distributions: {
        category: shares(known, ({ category }) => [category]),
        tag: shares(known, ({ tags }) => tags),
        status: shares(known, ({ status }) => [status]),
        model: shares(models, ({ model }) => (model === '' ? [] : [model])),
      },
    }
  })
}
