import { rangesOf } from '@prompt-store/assignment'
import type { Direction, Experiment, Metric, Variant } from './experiment.ts'
import { invalid } from './failures.ts'
import type { ChangedVariants, ChangeExperiment, NewExperiment } from './shapes.ts'

type Given = NonNullable<NewExperiment['variants']>
/** Weights as parts of 1. @throws ABTestInvalid (422) when all are 0 */
export const normalised = (weights: readonly number[], pointer = '/variants'): number[] => {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  if (!(total > 0)) throw invalid(pointer, 'At least one variant needs a weight above 0.')
  return weights.map((weight) => weight / total)
}

/** Variants in full. @throws ABTestInvalid (422) for two of one key, a version beside a label, or weights that are all 0 */
function variantsOf(given: Given): Variant[] {
  const keys = new Set<string>()
  given.forEach(({ key, version, label }, i) => {
    if (keys.has(key)) throw invalid(`/variants/${i}/key`, `Two variants are called "${key}". Give each a key of its own.`)
    if (version != null && label != null) throw invalid(`/variants/${i}`, `"${key}" has a version and a label. Name one of them.`)
    keys.add(key)
  })
  const weights = normalised(given.map(({ weight = 1 }) => weight))
  return given.map(({ key, promptId, version = null, label = null }, i) => ({ key, promptId, version, label, weight: weights[i]! }))
}

/** Variants as they are sent to be changed, in full. @throws ABTestInvalid (422) for a new one without a prompt */
export const completed = (before: readonly Variant[], sent: ChangedVariants): Given =>
  sent.map(({ promptId, ...said }, i) => {
    if (promptId !== undefined) return { ...said, promptId }
    const own = before.find(({ key }) => key === said.key)
    if (!own) throw invalid(`/variants/${i}/promptId`, `There is no variant "${said.key}" yet. Say which prompt it serves: promptId.`)
    const serves =
      said.version != null || said.label != null ? {} : { version: own.version, label: own.version === null ? own.label : null }
    return { weight: own.weight, ...said, promptId: own.promptId, ...serves }
  })

/** The variants of either form. @throws ABTestInvalid (422) when it is neither, or both */
function formOf({ variants, promptAId, promptBId, trafficSplit }: NewExperiment): Variant[] {
  const isShort = promptAId !== undefined || promptBId !== undefined || trafficSplit !== undefined
  if (variants && isShort) throw invalid('/variants', 'Describe the arms once: by variants, or by promptAId, promptBId and trafficSplit.')
  if (variants) return variantsOf(variants)
  if (promptAId === undefined) throw invalid('/promptAId', 'Name the arms: variants, or promptAId and promptBId.')
  if (promptBId === undefined) throw invalid('/promptBId', 'Name the other prompt: promptBId.')
  const split = trafficSplit ?? 0.5
  return variantsOf([
    { key: 'A', promptId: promptAId, weight: 1 - split },
    { key: 'B', promptId: promptBId, weight: split },
  ])
}

/** Which side of a metric is better, where nobody says. */
const betterSide = (metric: Metric): Direction =>
  metric === 'success' || metric === 'score' || metric === 'satisfaction' ? 'higher' : 'lower'

const defaults = {
  hypothesis: null,
  unit: 'user',
  coverage: 1,
  sticky: false,
  targeting: null,
  namespace: null,
  holdout: 0,
  forced: {},
  metric: { primary: 'success', direction: 'higher' },
  secondary: [],
  guardrails: [],
  allocation: 'fixed',
  statistics: { alpha: 0.05, sequential: true, expectedSampleSize: 5_000 },
  minimumSampleSize: 100,
  maxDays: null,
  minimumDays: 0,
  autoStop: 'off',
  overlayLabel: null,
} as const satisfies Partial<Experiment>

type Designed = Omit<ChangeExperiment, 'name' | 'variants'>
type Filled = Pick<Experiment, keyof typeof defaults | 'seed'>

/** A design with parts replaced. */
function filled(before: Filled, said: Designed): Filled {
  const given = Object.fromEntries(
    Object.keys(before).flatMap((name) => (said[name as keyof Designed] === undefined ? [] : [[name, said[name as keyof Designed]]])),
  )
  const next = { ...before, ...(given as Partial<Filled>) }
  const { metric, secondary, guardrails, statistics } = said
  const directed = <A extends { metric: Metric; direction?: Direction }>(aim: A) => ({
    ...aim,
    direction: aim.direction ?? betterSide(aim.metric),
  })
  return {
    ...next,
    ...(metric && { metric: { ...metric, direction: metric.direction ?? betterSide(metric.primary) } }),
    ...(secondary && { secondary: secondary.map(directed) }),
    ...(guardrails && { guardrails: guardrails.map(directed) }),
    ...(statistics && { statistics: { ...before.statistics, ...statistics, sequential: true } }),
  }
}

/** Metrics whose distribution is kept, and not only their sums. */
const withQuantiles: readonly Metric[] = ['latencyMs', 'costUsd', 'tokens']

/** @throws ABTestInvalid (422) for parts of a design that contradict each other */
function assertSound({ variants, namespace, forced, metric, autoStop, overlayLabel }: Experiment): void {
  if (namespace && namespace.start >= namespace.end)
    throw invalid('/namespace/end', 'The part of the namespace is empty: its end must be above its start.')
  for (const [unit, key] of Object.entries(forced))
    if (!variants.some((variant) => variant.key === key))
      throw invalid('/forced', `The unit "${unit}" is forced to "${key}", which is no variant.`)
  if (metric.quantile !== undefined && !withQuantiles.includes(metric.primary))
    throw invalid('/metric/quantile', `Quantiles are kept of ${withQuantiles.join(', ')}. Take one of these, or leave the quantile out.`)
  if (autoStop === 'promote' && overlayLabel === null)
    throw invalid('/autoStop', 'To promote the winner by itself the test needs to know which label that gets: set overlayLabel.')
}

const checked = (test: Experiment): Experiment => {
  assertSound(test)
  return test
}

/**
 * A new draft. Pure.
 * @param made what the service adds; `seed` where none is given
 * @throws ABTestInvalid (422)
 */
export function draftOf(input: NewExperiment, made: Readonly<{ id: string; seed: string; by: string; at: string }>): Experiment {
  const { name, variants: _variants, promptAId: _a, promptBId: _b, trafficSplit: _split, start: _start, ...said } = input
  const variants = formOf(input)
  return checked({
    id: made.id,
    name,
    status: 'draft',
    variants,
    ...filled({ ...defaults, seed: made.seed }, said),
    ranges: rangesOf(variants),
    winner: null,
    decision: null,
    phases: [],
    startedAt: null,
    endedAt: null,
    createdBy: made.by,
    createdAt: made.at,
    updatedAt: made.at,
    revision: 1,
  })
}

/** A draft with anything changed. @throws ABTestInvalid (422) */
export function changedDraft(draft: Experiment, { name = draft.name, variants: given, ...said }: ChangeExperiment): Experiment {
  const variants = given ? variantsOf(given) : draft.variants
  return checked({ ...draft, ...filled(draft, said), name, variants, ranges: rangesOf(variants) })
}
