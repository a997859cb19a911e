import type { ColumnType } from 'kysely'
import type { Generated, Json } from '../../core/db.ts'
import type { FreezeWindow } from './model/freeze.ts'
import type { Policy } from './model/policies.ts'
import type { ReviewEntry, ReviewState } from './model/reviews.ts'
import type { Status } from './model/transitions.ts'

/** The tables this context owns. No other context may name them in SQL. */
declare module '../../core/db.ts' {
  interface Tables {
    lifecycleMove: Owned & {
      id: Generated<number>
      promptId: string
      fromStatus: Status
      toStatus: Status
      reason: string | null
      sunsetAt: string | null
      successorId: string | null
      movedBy: string
      movedAt: string
    }
    review: Owned & Omit<ReviewState, 'publish'> & { publish: Json<ReviewState['publish']> }
    reviewEntry: Owned & Omit<ReviewEntry, 'anchor'> & { reviewId: string; anchor: ColumnType<ReviewEntry['anchor'], string | null, never> }
    lifecyclePolicy: Owned & Omit<Policy, 'freeze'> & { freeze: Json<FreezeWindow[]> }
  }
}
