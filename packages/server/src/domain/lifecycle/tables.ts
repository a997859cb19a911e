import type { Generated } from '../../core/db.ts'
import type { Status } from './model/transitions.ts'

/** The table this context owns. No other context may name it in SQL. */
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
  }
}
