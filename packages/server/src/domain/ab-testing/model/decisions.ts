import { gaussianRanks, mayReweigh, thompsonWeights } from './best-arm.ts'
import { control, currentPhase, type Experiment } from './experiment.ts'
import { type Analysed, type ArmEstimate, type Comparison, everServed, levelOf } from './results.ts'
import { type Arm, allocation, leaderOf, type Stopping, stopping } from './track-and-stop.ts'
import { crossing, differenceIn, nameOf, sentence } from './wording.ts'

export type Action = 'start' | 'continue' | 'investigate' | 'stop' | 'ship' | 'keep_control' | 'done'

/** What to do, in words that a product person reads. */
export type Recommendation = Readonly<{ action: Action; winner: string | null; reason: string }>

/** What ends a test by itself. `promote`: its overlay label may be moved to the winner. */
export type Ending = Readonly<{
  cause: 'guardrail' | 'decided' | 'max_days'
  winner: string | null
  promote: boolean
  reason: string
  evidence: Readonly<Record<string, unknown>>
}>

type Test = Experiment
const dayMs = 86_400_000

/** Days since the test was started. @param now RFC 3339 */
export const daysOf = ({ startedAt }: Pick<Test, 'startedAt'>, now: string): number =>
  startedAt === null ? 0 : (Date.parse(now) - Date.parse(startedAt)) / dayMs

/** Which variant is settled to be the best, by what may be looked at as often as one likes. */
type Settled = Readonly<{
  winner: string
  by: 'confidence_sequence' | 'likelihood_ratio'
  text: string
  evidence: Readonly<Record<string, unknown>>
}>

/**
 * Traffic that is shared out alike: the confidence sequence of each variant against the control, at its part of alpha.
 * Bandits: the likelihood ratio (GLR) of the leader against each other arm.
 */
function settled(test: Test, { comparisons }: Analysed, arms: readonly ArmEstimate[]): Settled | null {
  return test.allocation === 'fixed' ? bySequence(test, comparisons) : byLikelihood(test, arms)
}

function bySequence(test: Test, comparisons: readonly Comparison[]): Settled | null {
  const served = new Set(everServed(test).flatMap((is, i) => (is ? [test.variants[i]!.key] : [])))
  const primary = comparisons.filter(({ role, variant }) => role === 'primary' && served.has(variant))
  const sign = test.metric.direction === 'lower' ? -1 : 1
  const gain = ({ difference }: Comparison) => sign * (difference?.estimate ?? 0)
  const better = primary.filter(({ verdict }) => verdict === 'better').sort((a, b) => gain(b) - gain(a))
  const facts = { alpha: levelOf(test), expectedSampleSize: test.statistics.expectedSampleSize }
  const base = control(test).key
  if (better[0])
    return {
      winner: better[0].variant,
      by: 'confidence_sequence',
      text: sentence(differenceIn(better[0], base)),
      evidence: { ...facts, comparison: better[0] },
    }
  if (primary.length === 0 || !primary.every(({ verdict }) => verdict === 'worse')) return null
  return {
    winner: base,
    by: 'confidence_sequence',
    text: sentence(primary.map((one) => differenceIn(one, base)).join('; ')),
    evidence: { ...facts, comparisons: primary },
  }
}

function byLikelihood(test: Test, estimates: readonly ArmEstimate[]): Settled | null {
  const served = everServed(test)
  const arms = estimates.flatMap((arm, i) => (served[i] ? [{ ...arm, key: test.variants[i]!.key }] : []))
  if (arms.length < 2 || arms.some(({ units, variance }) => units < 2 || variance <= 0)) return null
  const { leader, others, found } = likelihood(test, arms)
  if (!found.stop) return null
  const winner = arms[leader]!.key
  return {
    winner,
    by: 'likelihood_ratio',
    text: `Of ${others + 1} variants ${winner} is the best in ${nameOf(test.metric.primary, test.metric.quantile)}; the evidence (${found.glr.toPrecision(3)}) is above the limit (${found.threshold.toPrecision(3)}).`,
    evidence: { glr: found.glr, threshold: found.threshold, delta: test.statistics.alpha, arms },
  }
}

function likelihood(test: Test, estimates: readonly ArmEstimate[]): { leader: number; others: number; found: Stopping } {
  const optimize = test.metric.direction === 'lower' ? 'min' : 'max'
  const arms = estimates.map(({ units, mean, variance }): Arm => ({ pulls: units, mean, variance }))
  const leader = leaderOf(arms, optimize)
  const others = arms.filter((_, i) => i !== leader)
  return { leader, others: others.length, found: stopping(arms[leader]!, others, { epsilon: 0, optimize }, test.statistics.alpha) }
}

/** Arms that get traffic now: the others need no minimum. */
const served = (test: Test): boolean[] => {
  const weights = currentPhase(test)?.weights ?? test.variants.map(({ weight }) => weight)
  return test.variants.map((_, i) => (weights[i] ?? 0) > 0)
}

/** What a decision still waits for; null: nothing. */
function missing(test: Test, { units }: Analysed, now: string): string | null {
  const live = served(test)
  const fewest = Math.min(...units.filter((_, i) => live[i]))
  if (fewest < test.minimumSampleSize)
    return `The variant with the fewest units has ${fewest} of the ${test.minimumSampleSize} that were asked for.`
  const days = daysOf(test, now)
  return days < test.minimumDays
    ? `It has run for ${Math.floor(days * 10) / 10} of the ${test.minimumDays} days that were asked for.`
    : null
}

const srmText =
  'The split of units is not what the weights say: something in assignment or logging is wrong, and no result can be believed.'

/**
 * Whether a running test ends by itself. A guardrail that is crossed ends it at once with the control as the winner. A
 * winner is declared when it is settled, with enough units and days, while the split is right and, for a variant, its
 * guardrails are not crossed. After maxDays it ends in any case.
 */
export function endingOf(test: Test, found: Analysed, arms: readonly ArmEstimate[], now: string): Ending | null {
  if (test.status !== 'running') return null
  const base = control(test).key
  const crossed = found.guardrails.filter(({ state }) => state === 'crossed')
  if (crossed[0])
    return {
      cause: 'guardrail',
      winner: base,
      promote: false,
      reason: `${sentence(crossing(crossed[0]))} Everybody gets ${base} again.`,
      evidence: { guardrails: crossed },
    }
  const expired = test.maxDays !== null && daysOf(test, now) >= test.maxDays
  const ready = !found.sampleRatio.alarm && missing(test, found, now) === null
  const best = ready && (test.autoStop !== 'off' || expired) ? settled(test, found, arms) : null
  if (best)
    return {
      cause: 'decided',
      winner: best.winner,
      promote: test.autoStop === 'promote',
      reason: best.text,
      evidence: { by: best.by, ...best.evidence, units: found.units, sampleRatio: found.sampleRatio.pValue },
    }
  if (!expired) return null
  return {
    cause: 'max_days',
    winner: null,
    promote: false,
    reason: `It ran for the ${test.maxDays} days that were asked for, and no variant is settled to be better than the others. Everybody gets ${base} again.`,
    evidence: evidenceOf(found),
  }
}

/** What a test showed when it was ended for another reason than what it showed. */
export const evidenceOf = ({ units, comparisons, guardrails, sampleRatio }: Analysed): Ending['evidence'] => ({
  units,
  comparisons: comparisons.filter(({ role }) => role === 'primary'),
  guardrails,
  sampleRatio: sampleRatio.pValue,
})

/** What somebody who looks now should do. A decision that was made stays, whatever came later. */
export function recommendationOf(
  test: Test,
  found: Analysed,
  arms: readonly ArmEstimate[],
  now: string,
  lost: ReadonlyMap<string, string> = new Map(),
): Recommendation {
  const base = control(test).key
  if (test.status === 'completed')
    return {
      action: 'done',
      winner: test.winner,
      reason:
        test.decision?.reason ??
        (test.winner === null ? 'It was ended without a winner.' : `It was ended with ${test.winner} as the winner.`),
    }
  if (test.status === 'draft') return { action: 'start', winner: null, reason: 'It was not started yet: there is nothing to compare.' }
  const crossed = found.guardrails.find(({ state }) => state === 'crossed')
  if (crossed) return { action: 'stop', winner: base, reason: `${sentence(crossing(crossed))} End the test and stay with ${base}.` }
  if (found.sampleRatio.alarm) return { action: 'investigate', winner: null, reason: `${srmText} Find the cause before you decide.` }
  const best = settled(test, found, arms)
  const waiting = missing(test, found, now)
  const loss = best && lost.get(best.winner)
  if (best && loss) return { action: 'investigate', winner: null, reason: `${best.text} But it cannot be shipped as it is. ${loss}` }
  if (best && waiting === null) return shipping(best, base)
  if (best) return { action: 'continue', winner: null, reason: `${best.text} Wait a little: ${waiting}` }
  return {
    action: 'continue',
    winner: null,
    reason: `${waiting ?? 'No variant is settled to be better than the others.'} ${openText(test, found)}`,
  }
}

const shipping = ({ winner, text }: Settled, base: string): Recommendation =>
  winner === base
    ? { action: 'keep_control', winner, reason: `${text} Stay with ${base}.` }
    : { action: 'ship', winner, reason: `${text} Ship ${winner}.` }

function openText(test: Test, { comparisons }: Analysed): string {
  const primary = comparisons.filter(({ role }) => role === 'primary')
  const said = primary.find(({ difference }) => difference !== null)
  if (!said) return 'The variants say nothing yet: let it run.'
  return `So far ${differenceIn(said, control(test).key)}. Let it run.`
}

/** A weight's least share of a variant that bandits go on with: what is never shown can never turn out to be better. */
const leastShare = 0.05
/** Hours between two changes, and the change of a share that is worth a new phase. */
const [hoursBetween, leastChange] = [6, 0.02]

/**
 * Weights that a bandit's traffic should have now.
 * @returns null while they stay: too few units in an arm (100), too soon after the last change, the split is not right, or
 *   hardly any change. An arm that was given the weight 0 keeps it.
 */
export function newWeights(test: Test, found: Analysed, arms: readonly ArmEstimate[], now: string): number[] | null {
  const phase = currentPhase(test)
  if (test.status !== 'running' || test.allocation === 'fixed' || !phase || found.sampleRatio.alarm) return null
  if (Date.parse(now) - Date.parse(phase.startedAt) < hoursBetween * 3_600_000) return null
  const live = arms.map((_, i) => i).filter((i) => (phase.weights[i] ?? 0) > 0)
  const own = live.map((i) => arms[i]!)
  if (own.length < 2 || !mayReweigh(own.map(({ units }) => units)) || own.some(({ variance }) => variance <= 0)) return null
  const shares = test.allocation === 'thompson' ? thompson(test, own) : tracked(test, own)
  const total = live.reduce((sum, i) => sum + phase.weights[i]!, 0)
  if (live.every((i, k) => Math.abs(phase.weights[i]! / total - shares[k]!) < leastChange)) return null
  return arms.map((_, i) => (live.includes(i) ? Math.round(shares[live.indexOf(i)]! * 10_000) / 10_000 : 0))
}

const floorOf = (arms: number): number => Math.min(leastShare, 0.5 / arms)
const thompson = ({ metric }: Test, arms: readonly ArmEstimate[]): number[] =>
  thompsonWeights(
    gaussianRanks(
      arms.map(({ mean, variance, units }) => ({ mean, stddev: Math.sqrt(variance / units) })),
      metric.direction === 'lower' ? 'min' : 'max',
    ),
    floorOf(arms.length),
  )
const tracked = ({ metric }: Test, arms: readonly ArmEstimate[]): number[] =>
  allocation(
    arms.map(({ units, mean, variance }) => ({ pulls: units, mean, variance })),
    { epsilon: 0, minProb: floorOf(arms.length), reg0: 0.01, optimize: metric.direction === 'lower' ? 'min' : 'max' },
  )
