import type { Json } from '../../core/db.ts'
import type { PriceOverride } from './model/prices.ts'

/** The tables of this context that are asked by Kysely; the others (`usage_event`, `usage_rollup`, …) are written and read in bulk, by SQL. */
declare module '../../core/db.ts' {
  interface Tables {
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
