import type { ColumnType } from 'kysely'
import type { Generated, Json } from '../../core/db.ts'
import type { Rule } from './model/automations.ts'
import type { ConditionError, OutcomeKind, RunStatus, Trigger } from './model/automations-runs.ts'
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
    lifecycleAutomation: Owned & {
      id: string
      name: string
      rule: Json<Rule>
      enabled: boolean
      disabledReason: string | null
      savedBy: string
      savedAt: string
      revision: number
      scheduledAt: string
      nextRunAt: string | null
    }
    lifecycleAutomationRun: Owned & {
      id: string
      automationId: string | null
      revision: number | null
      rule: Json<Rule>
      actsFor: string
      requestedBy: string
      reason: string | null
      trigger: Trigger
      status: RunStatus
      claim: string | null
      tries: Generated<number>
      workedAt: string
      prompts: Generated<number>
      examined: Generated<number>
      examinedTo: string | null
      examinedAll: Generated<boolean>
      matched: Generated<number>
      notApplicable: Generated<number>
      conditionErrors: Generated<number>
      errorSamples: ColumnType<ConditionError[], string | undefined, string>
      error: string | null
      confirmedBy: string | null
      confirmedAt: string | null
      createdAt: string
      startedAt: string | null
      finishedAt: string | null
    }
    lifecycleAutomationOutcome: Owned & {
      runId: string
      promptId: string
      category: string
      name: string
      outcome: OutcomeKind
      problem: ColumnType<Record<string, unknown> | null, string | null | undefined, string | null>
      at: string
    }
    review: Owned & Omit<ReviewState, 'publish'> & { publish: Json<ReviewState['publish']> }
    reviewEntry: Owned & Omit<ReviewEntry, 'anchor'> & { reviewId: string; anchor: ColumnType<ReviewEntry['anchor'], string | null, never> }
    lifecyclePolicy: Owned & Omit<Policy, 'freeze'> & { freeze: Json<FreezeWindow[]> }
  }
}
