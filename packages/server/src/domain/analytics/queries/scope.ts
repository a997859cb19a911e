import { type RawBuilder, sql } from 'kysely'
import { visibleCategories } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { allPrompts } from '../../prompts/index.ts'
import type { Dimensions } from '../model/measurement.ts'
import { type Grain, grains, totalSeries } from '../model/rollup.ts'
import { numbers } from '../store/arrays.ts'

/** What of the measurements is asked for. Times in milliseconds since 1970, `to` not included. */
export type Filter = Readonly<{
  from: number
  to: number
  promptId?: string | undefined
  version?: number | undefined
  label?: string | undefined
  provider?: string | undefined
  model?: string | undefined
  service?: string | undefined
  variant?: string | undefined
  operation?: string | undefined
}>

const dimensions = ['promptId', 'version', 'label', 'provider', 'model', 'service', 'variant', 'operation'] as const

/** A filter by anything but time. */
const narrows = (filter: Filter): boolean => dimensions.some((name) => filter[name] !== undefined)

/** Conditions on a series `s`. A caller that is limited to categories gets series of prompts of these alone: row-level security hides the others. */
function conditions(filter: Filter, { actor }: Ctx): RawBuilder<unknown> {
  const wanted = dimensions.flatMap((name) => (filter[name] === undefined ? [] : [sql`${sql.ref(`s.${name}`)} = ${filter[name]}`]))
  const visible = visibleCategories(actor) ? [sql`exists (select 1 from ${allPrompts} v where v.id = s.prompt_id)`] : []
  const all = [...wanted, ...visible]
  return all.length === 0 ? sql`true` : sql.join(all, sql` and `)
}

/** What may be told of series: all together where nothing else is asked, or the ones that match. */
export type Scope = Readonly<{
  /** The sum of all series is the answer. */
  whole: boolean
  /** Which rows of `r` (a column `series`) count. */
  matching: RawBuilder<unknown>
}>

/** @param grouped series are told apart, so that the sum of all will not do */
export function scopeOf(filter: Filter, grouped: boolean, ctx: Ctx): Scope {
  const limited = visibleCategories(ctx.actor) !== undefined
  if (!narrows(filter) && !limited)
    return grouped
      ? { whole: false, matching: sql`r.series <> ${totalSeries}::int` }
      : { whole: true, matching: sql`r.series = ${totalSeries}::int` }
  // `is true`: the numbers are looked up in a hash. As a join they may be sought one by one, where the planner takes few for none.
  return { whole: false, matching: sql`(r.series in (select s.id from usage_series s where ${conditions(filter, ctx)})) is true` }
}

/** @param series that may be told, each by itself */
export const scopeOfSeries = (series: readonly number[]): Scope => ({
  whole: false,
  matching: sql`r.series = any(${numbers(series)}::int[])`,
})

export const timeOf = (ms: number) => sql`to_timestamp(${ms}::bigint / 1000.0)`
export const grainOf = (grain: Grain) => sql`${grains[grain]}::smallint`

export type SeriesRow = Dimensions & Readonly<{ id: number; promptName: string | null; promptCategory: string | null }>

/** The series of these numbers, with the names of their prompts. */
export async function seriesOf(db: Db, ids: readonly number[]): Promise<Map<number, SeriesRow>> {
  const { rows } = await sql<SeriesRow>`
    select s.id, s.prompt_id, s.version, s.label, s.provider, s.model, s.service, s.variant, s.operation, p.name as prompt_name, p.category as prompt_category
    from usage_series s left join ${allPrompts} p on p.id = s.prompt_id where s.id = any(${numbers(ids)}::int[])`.execute(db)
  return new Map(rows.map((row) => [row.id, row]))
}
