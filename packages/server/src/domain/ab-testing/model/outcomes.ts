import { hash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { errorKind } from '../../../core/errors.ts'
import { IntakeAnswer } from '../../../core/intake.ts'
import { ShortText, Strict } from '../../../core/schemas.ts'
import { binOf } from './bins.ts'
import type { Metric } from './experiment.ts'
import { metrics } from './summaries.ts'

const longText = (description: string) => Type.String({ minLength: 1, maxLength: 500, description })

const UnitId = Type.String({ minLength: 1, maxLength: 1_000, description: 'The unit that was assigned; either this or `exposureId`' })

/** What became of a unit that was served a variant. */
export const Outcome = Strict(
  {
    unitId: Type.Optional(UnitId),
    exposureId: Type.Optional(longText('As `assign` and `select` give it, in the place of `unitId`')),
    variant: Type.Optional(
      ShortText('The variant that was served. What counts is what the unit was exposed to; if this contradicts it, it is a problem'),
    ),
    success: Type.Optional(Type.Boolean({ description: 'Whether it gave what was wanted' })),
    score: Type.Optional(
      Type.Number({ minimum: -1_000_000, maximum: 1_000_000, description: 'A judgement in a unit of your own; kept to six digits' }),
    ),
    latencyMs: Type.Optional(Type.Number({ minimum: 0, maximum: 86_400_000, description: 'Milliseconds, at most a day' })),
    costUsd: Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000, description: 'What it cost' })),
    tokens: Type.Optional(Type.Integer({ minimum: 0, maximum: 4_294_967_294, description: 'Tokens, in and out' })),
    satisfaction: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: '0 (worst) to 1; kept to six digits' })),
    eventId: Type.Optional(longText('Made by the caller: the same one twice within 30 days counts once')),
  },
  { $id: 'Outcome' },
)
export type Outcome = Static<typeof Outcome>

export const OutcomeContradicts = errorKind({
  code: 'ab_test.outcome_contradicts',
  status: 422,
  title: 'The unit was served another variant',
})
export const VariantUnknown = errorKind({ code: 'ab_test.variant_unknown', status: 422, title: 'The test has no such variant' })
export const ExposureUnknown = errorKind({
  code: 'ab_test.exposure_unknown',
  status: 422,
  title: 'The exposure is none of this test',
})
export const TestNotStarted = errorKind({ code: 'ab_test.not_started', status: 409, title: 'The test was not started yet' })

/** How many parts of a metric's unit are stored: whole numbers add up the same in any order. */
const scales: Readonly<Record<Metric, number>> = { success: 1, score: 1e6, latencyMs: 1e3, costUsd: 1e6, tokens: 1, satisfaction: 1e6 }
export const scaleOf = (metric: Metric): number => scales[metric]

/** An outcome as it is stored. `unitHash` is 8 bytes in hex; `claimed` is the variant that the caller names, or empty. */
export type OutcomeRow = Readonly<{
  workspaceId: string
  testId: string
  unitHash: string
  at: string
  claimed: string
  values: Readonly<Record<Metric, number | null>>
  /** JSON of what is not known here. */
  metadata: string | null
}>

/** What an outcome says, by metric, as whole numbers; null: nothing. */
export function valuesOf(told: Readonly<{ [M in Metric]?: number | boolean | null | undefined }>): Record<Metric, number | null> {
  const values = metrics.map((metric) => {
    const value = told[metric]
    return [metric, value === undefined || value === null ? null : Math.round(Number(value) * scales[metric])]
  })
  return Object.fromEntries(values) as Record<Metric, number | null>
}

/** The bin of a value of a metric whose quantiles are kept. */
export const binIn = ({ values }: OutcomeRow, metric: Metric): number | null => {
  const value = values[metric]
  return value === null ? null : binOf(value)
}

/** A hash of test and `eventId`, in the form of a UUID without its hyphens. */
export const outcomeIdOf = (testId: string, eventId: string): string => hash('sha256', `${testId}\n${eventId}`).slice(0, 32)

export const Reported = IntakeAnswer('Outcomes', 'field.unknown or unit.unexposed', 'OutcomesReported')

export const unexposed = {
  code: 'unit.unexposed',
  detail: 'No exposure of this unit is known so far: the outcome counts for no variant until one is. Use select, which logs it.',
}
