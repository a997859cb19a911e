import type { ColumnType } from 'kysely'
import type { Json } from '../../core/db.ts'
import type { AlertRule, Evaluation } from './model/alert.ts'
import type { StoredBaseline } from './model/alerting.ts'
import type { PriceOverride } from './model/prices.ts'

/** The tables of this context that are asked by Kysely; the others (`usage_event`, `usage_rollup`, …) are written and read in bulk, by SQL. */
declare module '../../core/db.ts' {
  interface Tables {
    analyticsAlert: Owned & {
      id: string
      name: string
      position: number
      rule: Json<AlertRule>
      state: 'ok' | 'firing'
      since: string
      turningAt: string | null
      evaluatedAt: string | null
      evaluation: ColumnType<Evaluation | null, string | null, string | null>
      baseline: ColumnType<StoredBaseline | null, string | null, string | null>
      savedBy: string
      savedAt: string
    }
    usageSetting: Owned & {
      retentionDays: number
      userIds: 'hashed' | 'plain'
      prices: Json<PriceOverride[]>
      updatedBy: string
      updatedAt: string
      revision: number
    }
  }
}
