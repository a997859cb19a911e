import { isDeepStrictEqual } from 'node:util'
import type { Weighted } from '@prompt-store/assignment'
import { AppError } from '../../../core/errors.ts'
import { changedDraft, normalised } from './draft.ts'
import { currentPhase, type Decision, type Experiment, type Phase, type Slot, type Status } from './experiment.ts'
import { ABTestFixed, ABTestState, invalid, NamespaceTaken } from './failures.ts'
import { firstPhase, nextPhase, type Phase as SharedOut } from './phases.ts'
import type { ChangeExperiment } from './shapes.ts'

const weighted = ({ variants }: Pick<Experiment, 'variants'>, weights: readonly number[]): Weighted[] =>
  variants.map(({ key }, i) => ({ key, weight: weights[i] ?? 0 }))
const stored = ({ number, startedAt, coverage, variants, ranges }: SharedOut): Phase => ({
  n: number,
  startedAt,
  coverage,
  weights: variants.map(({ weight }) => weight),
  ranges,
})
const shared = (test: Experiment, { n, startedAt, coverage, weights, ranges }: Phase): SharedOut => ({
  number: n,
  startedAt,
  coverage,
  variants: weighted(test, weights),
  ranges,
})

/** @throws ABTestState (409) unless the test is in one of these states */
export function assertIn({ status }: Experiment, states: readonly Status[], what: string): void {
  if (states.includes(status)) return
  throw new AppError(ABTestState, `The test is ${status}; only one that is ${states.join(' or ')} can be ${what}.`, { members: { status } })
}

/** A draft that runs from now on. @param versions what each variant serves from now on, in their order */
export function started(draft: Experiment, versions: readonly number[], at: string): Experiment {
  const variants = draft.variants.map((variant, i) => ({ ...variant, version: versions[i]! }))
  const phase = stored(
    firstPhase(
      {
        coverage: draft.coverage,
        variants: weighted(
          draft,
          draft.variants.map(({ weight }) => weight),
        ),
      },
      at,
    ),
  )
  return { ...draft, status: 'running', variants, phases: [phase], ranges: phase.ranges, startedAt: at }
}

/**
 * Traffic shared out otherwise: nobody changes the variant by another coverage, and only the mass moves that must by other
 * weights. A new phase opens, unless nothing changes.
 * @param weights in the order of the variants, in any unit
 */
export function sharedOut(
  test: Experiment,
  change: Readonly<{ coverage?: number | undefined; weights?: readonly number[] | undefined }>,
  at: string,
): Experiment {
  const now = shared(test, currentPhase(test)!)
  const wanted = change.weights && normalised(change.weights)
  const weights = wanted?.every((weight, i) => Math.abs(weight - test.variants[i]!.weight) < 1e-12) ? undefined : wanted // sent back as they were
  const next = nextPhase(
    now,
    { ...(change.coverage !== undefined && { coverage: change.coverage }), ...(weights && { variants: weighted(test, weights) }) },
    at,
  )
  if (!next) return test
  const phase = stored(next)
  const variants = test.variants.map((variant, i) => ({ ...variant, weight: phase.weights[i]! }))
  return { ...test, variants, coverage: phase.coverage, ranges: phase.ranges, phases: [...test.phases, phase] }
}

/** What a test that has started may be told of itself; the rest is part of what was agreed on before anybody saw a result. */
const free = ['name', 'hypothesis', 'coverage', 'variants'] as const

/** @throws ABTestFixed (409) naming what cannot be changed any more; ABTestInvalid (422) */
export function changedRunning(test: Experiment, change: ChangeExperiment, at: string): Experiment {
  const { variants: _variants, coverage: _coverage, ...rest } = change
  const wanted = changedDraft(test, rest) // what is sent back as it was is no change
  const fixed = (Object.keys(rest) as (keyof typeof rest)[]).filter(
    (name) => !(free as readonly string[]).includes(name) && !isDeepStrictEqual(wanted[name], test[name]),
  )
  if (fixed.length > 0)
    throw new AppError(
      ABTestFixed,
      `A test that has started keeps its ${fixed.join(', ')}. Change coverage or weights, or end it and make another one.`,
      {
        members: { fields: fixed },
      },
    )
  const weights = change.variants && weightsOf(test, change.variants)
  return sharedOut({ ...test, name: wanted.name, hypothesis: wanted.hypothesis }, { coverage: change.coverage, weights }, at)
}

/** The weights that variants are sent with, which are otherwise as they were. @throws ABTestFixed (409) */
function weightsOf({ variants }: Experiment, sent: NonNullable<ChangeExperiment['variants']>): number[] {
  const isSame =
    sent.length === variants.length &&
    sent.every(({ key, promptId, version }, i) => {
      const own = variants[i]!
      return key === own.key && promptId === own.promptId && (version == null || version === own.version)
    })
  if (!isSame)
    throw new AppError(
      ABTestFixed,
      'A test that has started keeps its variants, their order and their versions; only weights can change.',
      {
        members: { fields: ['variants'] },
      },
    )
  return sent.map(({ weight }, i) => weight ?? variants[i]!.weight)
}

/** The same test, over. @throws ABTestInvalid (422) for a winner that is no variant */
export function ended(test: Experiment, decision: Decision): Experiment {
  const { winner, at } = decision
  if (winner !== null && !test.variants.some(({ key }) => key === winner))
    throw invalid('/winner', `"${winner}" is no variant of the test. Name one of ${test.variants.map(({ key }) => key).join(', ')}.`)
  return { ...test, status: 'completed', winner, decision, endedAt: at }
}

/** What of the 10,000 buckets is not taken, in order. */
export function freeParts(taken: readonly Slot[]): { start: number; end: number }[] {
  const free: { start: number; end: number }[] = []
  let at = 0
  for (const { start, end } of taken.toSorted((a, b) => a.start - b.start)) {
    if (start > at) free.push({ start: at, end: start })
    at = Math.max(at, end)
  }
  return at < 10_000 ? [...free, { start: at, end: 10_000 }] : free
}

/** @param taken what others hold of the same namespace. @throws NamespaceTaken (409) with what is free */
export function assertFree({ name, start, end }: Slot, taken: readonly Slot[]): void {
  if (!taken.some((slot) => slot.start < end && start < slot.end)) return
  const free = freeParts(taken)
  const told = free.length > 0 ? `Free: ${free.map((part) => `${part.start}–${part.end}`).join(', ')}.` : 'Nothing of it is free.'
  throw new AppError(NamespaceTaken, `Other running tests hold a part of ${start}–${end} of the namespace "${name}". ${told}`, {
    members: { free },
  })
}
