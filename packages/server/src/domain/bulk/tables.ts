import type { ColumnType } from 'kysely'
import type { Generated, Json } from '../../core/db.ts'
import type { ProblemBody } from '../../core/problem.ts'
import type { Kind, Options, Outcome, Status } from './model/operation.ts'

/** The tables this context owns. No other context may name them in SQL. */
declare module '../../core/db.ts' {
  interface Tables {
    bulkOperation: Owned & {
      id: string
      kind: Kind
      atomic: boolean
      dryRun: boolean
      options: Json<Options>
      status: Status
      total: number
      succeeded: Generated<number>
      failed: Generated<number>
      skipped: Generated<number>
      doneThrough: Generated<number>
      cancelRequested: Generated<boolean>
      error: string | null
      retryOf: string | null
      requestId: string
      traceparent: string | null
      createdBy: string
      createdAt: string
      receivedAt: string | null
      startedAt: string | null
      finishedAt: string | null
      touchedAt: string
    }
    bulkItem: Owned & {
      operationId: string
      index: number
      payload: string | null
      outcome: Outcome
      promptId: string | null
      version: number | null
      problem: ColumnType<ProblemBody | null, string | null, string | null>
    }
  }
}
