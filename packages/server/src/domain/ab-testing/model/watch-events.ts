import { Type } from 'typebox'
import { eventType } from '../../../core/events.ts'
import { Strict } from '../../../core/schemas.ts'

const about = { name: Type.String(), category: Type.Optional(Type.String({ description: 'Of the control’s prompt' })) }

export const testDecided = eventType(
  'ab_test.decided',
  Strict({
    ...about,
    cause: Type.Enum(['guardrail', 'decided', 'max_days']),
    winner: Type.Union([Type.String(), Type.Null()]),
    promoted: Type.Boolean(),
    reason: Type.String(),
  }),
  { description: 'A test ended by itself: a winner is settled, a guardrail was crossed, or its days are over' },
)
export const guardrailCrossed = eventType(
  'ab_test.guardrail_crossed',
  Strict({
    ...about,
    variant: Type.String(),
    metric: Type.String(),
    maxRegression: Type.Number(),
    regression: Type.Number(),
    reason: Type.String(),
  }),
  { description: 'A variant is worse than a guardrail of its test allows: the test goes back to the control' },
)
export const sampleRatioAlarmed = eventType('ab_test.sample_ratio_alarmed', Strict({ ...about, pValue: Type.Number() }), {
  description: 'Units do not split as the weights of a test say: its results cannot be believed, and it decides nothing by itself',
})
export const weightsFollowed = eventType(
  'ab_test.reweighed',
  Strict({ ...about, weights: Type.Array(Type.Number()), allocation: Type.String() }),
  { description: 'The allocation of a test has given its traffic to those that do better' },
)

/** What tests tell by themselves. */
export const watchEvents = [testDecided, guardrailCrossed, sampleRatioAlarmed, weightsFollowed]
