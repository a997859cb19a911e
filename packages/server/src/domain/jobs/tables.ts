import type { Json } from '../../core/db.ts'
import type { Origin } from './model.ts'

/** The tables this context owns. No other context may name them in SQL. */
declare module '../../core/db.ts' {
  interface Tables {
    deadJob: Owned & {
      id: string
      name: string
      payload: Json<object>
      origin: Json<Origin>
      tries: number
      error: string
      enqueuedAt: string
      failedAt: string
    }
  }
}
