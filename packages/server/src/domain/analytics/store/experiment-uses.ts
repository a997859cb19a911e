import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { flag } from '../model/measurement.ts'

/** A use of a prompt that was part of an A/B test. `variant` as the caller names it, or empty; `occurredAt` milliseconds since 1970. */
export type MeasuredUse = Readonly<{
  workspaceId: string
  testId: string
  unitId: string
  variant: string
  occurredAt: number
  success: boolean
  latencyUs: number
  costMicros: number | null
  tokens: number
}>

/** Uses that name a test, of transactions from one up to another, itself not included. @param db across workspaces */
export async function experimentUses(db: Db, from: string, upTo: string): Promise<MeasuredUse[]> {
  const { rows } = await sql<MeasuredUse>`
    select e.workspace_id, e.rest -> 'x' ->> 'testId' as test_id, e.rest -> 'x' ->> 'unitId' as unit_id,
      coalesce(substr(s.variant, length(e.rest -> 'x' ->> 'testId') + 2), '') as variant, (extract(epoch from e.occurred_at) * 1000)::bigint as occurred_at,
      e.flags & ${flag.success} <> 0 as success, e.latency_us, e.cost_micros, e.input_tokens::bigint + e.output_tokens as tokens
    from usage_event e left join usage_series s on s.workspace_id = e.workspace_id and s.id = e.series
    where e.xid >= ${from}::xid8 and e.xid < ${upTo}::xid8 and e.rest ? 'x'`.execute(db)
  return rows
}
