import { sql } from 'kysely'
import { visibleCategories } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { allPrompts } from '../../prompts/index.ts'
import { type ExportedRow, type ExportFormat, exportedColumns, exportedLine } from '../model/export.ts'
import { dayMs } from '../model/measurement.ts'
import { timeOf } from './scope.ts'

/** Pages of the table that one transaction reads: at most some 13,000 rows. */
const blocksAtOnce = 256

/**
 * Single events of a time, day by day, as they lie in the table, some pages of it at a time: no sort, no index, and no
 * transaction that waits for a slow caller. A row that changes meanwhile (an erasure) may be told twice.
 * @param from,to milliseconds since 1970, `to` not included
 */
export async function* exportEvents(
  { from, to, format }: { from: number; to: number; format: ExportFormat },
  ctx: Ctx,
): AsyncGenerator<string> {
  if (format === 'csv') yield `${exportedColumns.join()}\n`
  for (let day = from - (from % dayMs); day < to; day += dayMs) {
    const blocks = await blocksOf(day, ctx)
    for (let block = 0; block < blocks; block += blocksAtOnce) {
      const rows = await rowsIn({ day, block, from, to }, ctx)
      if (rows.length > 0) yield rows.map((row) => exportedLine(row, format)).join('')
    }
  }
}

const within = (day: number) => sql`e.occurred_at >= ${timeOf(day)} and e.occurred_at < ${timeOf(day + dayMs)}`

/** How many pages the day's table has; 0 where the workspace has nothing in it. */
async function blocksOf(day: number, ctx: Ctx): Promise<number> {
  const { rows } = await ctx.read((db) =>
    sql<{ blocks: number }>`
      select pg_relation_size(e.tableoid) / current_setting('block_size')::int as blocks from usage_event e where ${within(day)} limit 1`.execute(
      db,
    ),
  )
  return rows[0]?.blocks ?? 0
}

async function rowsIn(
  { day, block, from, to }: { day: number; block: number; from: number; to: number },
  ctx: Ctx,
): Promise<ExportedRow[]> {
  const visible = visibleCategories(ctx.actor) ? sql`and exists (select 1 from ${allPrompts} v where v.id = s.prompt_id)` : sql``
  const { rows } = await ctx.read((db) =>
    sql<ExportedRow>`
      select e.occurred_at, e.flags, e.latency_us, e.ttft_us, e.cost_micros, e.input_tokens, e.output_tokens, e.cached_tokens, e.score,
        encode(e.user_hash, 'hex') as user_hash, e.rest, s.prompt_id, s.version, s.label, s.provider, s.model, s.service, s.variant, s.operation
      from usage_event e left join usage_series s on s.workspace_id = e.workspace_id and s.id = e.series
      where ${within(day)} and e.occurred_at >= ${timeOf(from)} and e.occurred_at < ${timeOf(to)}
        and e.ctid >= ${`(${block},0)`}::tid and e.ctid < ${`(${block + blocksAtOnce},0)`}::tid ${visible}`.execute(db),
  )
  return rows
}
