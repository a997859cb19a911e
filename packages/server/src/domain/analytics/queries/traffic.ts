import type { Ctx } from '../../../core/context.ts'
import { dayMs } from '../model/measurement.ts'
import { binsOf, momentsOf, type Sketch } from '../model/sketch.ts'
import type { Tally } from '../model/tally.ts'
import { sumOfPrompt } from './drift.ts'

const days = 28

/** What uses show of a metric: how many of them tell it, its mean and its variance, and about which values it has, the lowest first. */
export type Traffic = Readonly<{
  uses: number
  mean: number
  variance: number
  bins: readonly Readonly<{ value: number; count: number }>[]
  days: number
}>

const ofSketch = (sketch: Sketch, unit: number) => {
  const { count, mean, variance } = momentsOf(sketch)
  const bins = binsOf(sketch).map((bin) => ({ ...bin, value: bin.value / unit }))
  return { uses: count, mean: mean / unit, variance: variance / unit ** 2, bins }
}

function ofRate({ requests, errors }: Tally) {
  const mean = requests === 0 ? 0 : (requests - errors) / requests
  return { uses: requests, mean, variance: mean * (1 - mean), bins: [] }
}

/** What of a use can be measured beforehand, in the units that results have. */
const shown = {
  success: ofRate,
  latencyMs: ({ latency }: Tally) => ofSketch(latency, 1_000),
  costUsd: ({ cost }: Tally) => ofSketch(cost, 1e6),
  tokens: ({ tokens }: Tally) => ofSketch(tokens, 1),
  satisfaction: ({ scores }: Tally) => ofSketch(scores, 10_000),
} as const

/**
 * What was measured of a prompt in the last four weeks, from the rollups: for those who plan a test of it. What the caller
 * may not see does not count.
 * @returns undefined for a metric that uses do not tell
 */
export async function trafficOf(promptId: string, metric: string, ctx: Ctx): Promise<Traffic | undefined> {
  if (!Object.hasOwn(shown, metric)) return undefined
  const to = Math.ceil((Date.parse(ctx.now()) + 1) / dayMs) * dayMs
  const tally = await ctx.read((db) => sumOfPrompt(db, promptId, to - days * dayMs, to, ctx))
  return { ...shown[metric as keyof typeof shown](tally), days }
}
