import { type Static, Type } from 'typebox'
import type { Ctx } from '../../../core/context.ts'
import { Nullable, Strict, Timestamp } from '../../../core/schemas.ts'

const Verdict = Type.Enum(['none', 'minor', 'major', 'not_enough_data'], { description: 'How much use has changed, as far as can be told' })
const Side = Strict({
  uses: Type.Integer({ minimum: 0, description: 'Uses, or ratings, whose distribution is known' }),
  mean: Nullable(Type.Number(), { description: 'Their mean' }),
})
const Span = Strict({ from: Timestamp, to: Timestamp })
const Maybe = (description: string, range: { minimum?: number; maximum?: number } = {}) => Nullable(Type.Number(range), { description })

/** How a prompt does in use lately, against how it did before. */
export const DriftInUse = Strict(
  {
    verdict: Verdict,
    detail: Type.String({ description: 'The verdict in words' }),
    recent: Span,
    baseline: Span,
    metrics: Type.Array(
      Strict({
        metric: Type.Enum(['successRate', 'latencyMs', 'costUsd', 'satisfaction', 'outputTokens']),
        recent: Side,
        baseline: Side,
        change: Maybe('Of the mean, relative: 0.1 is 10 % more'),
        test: Type.String({ description: 'The statistical test' }),
        pValue: Maybe('Corrected for the number of metrics (false discovery rate, Benjamini–Hochberg)', { minimum: 0, maximum: 1 }),
        psi: Maybe('Population stability index over tenths of the values: from 0.1 on minor, from 0.25 on major', { minimum: 0 }),
        ks: Maybe('Kolmogorov–Smirnov distance: the largest difference of the cumulative shares', { minimum: 0, maximum: 1 }),
        effect: Nullable(
          Strict({
            measure: Type.Enum(['cohensH', 'psi'], {
              description: 'Cohen’s h of two rates: from 0.2 on minor, from 0.5 on major; or `psi`',
            }),
            value: Type.Number(),
          }),
          { description: 'The size by which a difference is judged, beside p < 0.05' },
        ),
        verdict: Verdict,
        detail: Type.String({ description: 'What it rests on, in words' }),
      }),
      { description: 'Those that were measured. Fewer than 100 uses, or 30 ratings, in either time are not enough data' },
    ),
  },
  { $id: 'DriftInUse', description: 'Left out for callers who may not read measurements' },
)
export type DriftInUse = Static<typeof DriftInUse>

/** How long the two times are that are compared, in days. */
export type DriftWindows = Readonly<{ recentDays: number; baselineDays: number }>
export const driftWindows: DriftWindows = { recentDays: 7, baselineDays: 28 }

/** Tells how use of a prompt has changed; undefined to who may not know. `app.ts` passes who does. */
export type UseDrift = (wanted: DriftWindows & { promptId: string }, ctx: Ctx) => Promise<DriftInUse | undefined>
