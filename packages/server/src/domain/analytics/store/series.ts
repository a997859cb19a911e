import { sql } from 'kysely'
import { LRUCache } from 'lru-cache'
import { atMost } from '../../../core/at-most.ts'
import type { Db } from '../../../core/db.ts'
import type { AcrossWorkspaces } from '../../../core/runtime.ts'
import type { Dimensions } from '../model/measurement.ts'
import { otherSeries } from '../model/rollup.ts'
import { numbers, texts } from './arrays.ts'

type Wanted = Readonly<{ workspaceId: string; dimensions: Dimensions }>

/** Series of one workspace that get a number; what comes beyond is counted, but not told apart. */
const mostSeries = 200_000
const remembered = 200_000

const keyOf = ({ workspaceId, dimensions: d }: Wanted): string =>
  `${workspaceId}\n${d.promptId}\n${d.version}\n${d.label}\n${d.provider}\n${d.model}\n${d.service}\n${d.variant}\n${d.operation}`

/** Neighbours are mostly of one series, whose key is made once. */
const isSameAs = ({ workspaceId, dimensions: a }: Wanted, { workspaceId: other, dimensions: b }: Wanted): boolean =>
  workspaceId === other &&
  a.promptId === b.promptId &&
  a.version === b.version &&
  a.label === b.label &&
  a.provider === b.provider &&
  a.model === b.model &&
  a.service === b.service &&
  a.variant === b.variant &&
  a.operation === b.operation

export type SeriesBook = Readonly<{ numbersOf(wanted: readonly Wanted[]): Promise<number[]> }>

/** The numbers of series. One that has a number keeps it, so what is remembered here is never wrong. */
export function createSeriesBook(system: AcrossWorkspaces): SeriesBook {
  const known = new LRUCache<string, number>(atMost(remembered))
  return {
    async numbersOf(wanted) {
      const keys: string[] = []
      for (const [i, one] of wanted.entries()) keys.push(i > 0 && isSameAs(wanted[i - 1]!, one) ? keys[i - 1]! : keyOf(one))
      const found = keys.map((key) => known.get(key))
      const missing = new Map<string, Wanted>()
      for (const [i, key] of keys.entries()) if (found[i] === undefined) missing.set(key, wanted[i]!)
      if (missing.size === 0) return found as number[]
      const made = new Map<string, number>()
      for (const [workspaceId, group] of Map.groupBy(missing, ([, { workspaceId }]) => workspaceId)) {
        const ids = await system(
          (db) =>
            ensure(
              db,
              workspaceId,
              group.map(([, { dimensions }]) => dimensions),
            ),
          'write',
        )
        for (const [i, [key]] of group.entries()) {
          made.set(key, ids[i]!)
          if (ids[i] !== otherSeries) known.set(key, ids[i]!)
        }
      }
      return found.map((id, i) => id ?? made.get(keys[i]!)!)
    },
  }
}

const columns = sql`prompt_id, version, label, provider, model, service, variant, operation`
const wantedRows = (
  d: readonly Dimensions[],
) => sql`unnest(${numbers(d.map((one) => one.promptId))}::uuid[], ${numbers(d.map((one) => one.version))}::int[],
  ${texts(d.map((one) => one.label))}::text[], ${texts(d.map((one) => one.provider))}::text[], ${texts(d.map((one) => one.model))}::text[],
  ${texts(d.map((one) => one.service))}::text[], ${texts(d.map((one) => one.variant))}::text[], ${texts(d.map((one) => one.operation))}::text[])
  with ordinality as w (${columns}, n)`

/** Who makes numbers of a workspace does so alone: they have no gaps, and the highest one is their count. */
async function ensure(db: Db, workspaceId: string, dimensions: readonly Dimensions[]): Promise<number[]> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`usage_series ${workspaceId}`}, 0))`.execute(db)
  const wanted = wantedRows(dimensions)
  await sql`
    insert into usage_series (workspace_id, id, ${columns})
    select ${workspaceId}, last + row_number() over (order by n), ${columns}
    from (select coalesce(max(id), 0) as last from usage_series where workspace_id = ${workspaceId}) l
    cross join lateral (select w.* from ${wanted} where not exists (select 1 from usage_series s where s.workspace_id = ${workspaceId} and ${isSame})
      order by n limit greatest(0, ${mostSeries} - last)) w`.execute(db)
  const { rows } = await sql<{ id: number | null }>`
    select s.id from ${wanted} left join usage_series s on s.workspace_id = ${workspaceId} and ${isSame} order by n`.execute(db)
  return rows.map(({ id }) => id ?? otherSeries)
}

const isSame = sql`(s.prompt_id, s.version, s.label, s.provider, s.model, s.service, s.variant, s.operation)
  = (w.prompt_id, w.version, w.label, w.provider, w.model, w.service, w.variant, w.operation)`
