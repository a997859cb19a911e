import { type Static, Type } from 'typebox'
import { Nullable, Strict } from '../../../core/schemas.ts'

const Verdict = Type.Enum(['none', 'minor', 'major', 'not_enough_data'], { description: 'How much use has changed, as far as can be told' })
const Window = Strict({ uses: Type.Integer({ minimum: 0 }), mean: Nullable(Type.Number()) })

/** How a prompt does in use lately, against how it did before. */
export const DriftInUse = Strict(
  {
    verdict: Verdict,
    detail: Type.String({ description: 'What the verdict rests on' }),
    metrics: Type.Array(
      Strict({
        metric: Type.Enum(['successRate', 'latencyMs', 'costUsd', 'satisfaction', 'outputTokens']),
        recent: Window,
        baseline: Window,
        test: Type.String({ description: 'The statistical test' }),
        pValue: Nullable(Type.Number({ minimum: 0, maximum: 1 }), {
          description: 'Corrected for the number of metrics (false discovery rate)',
        }),
        verdict: Verdict,
      }),
      { description: 'Of the metrics that were measured' },
    ),
  },
  { $id: 'DriftInUse' },
)
export type DriftInUse = Static<typeof DriftInUse>

/** Of a prompt whose use nobody has measured. */
export const notMeasured: DriftInUse = {
  verdict: 'not_enough_data',
  detail: 'No use of the prompt was measured, so nothing can be said of it.',
  metrics: [],
}
