import { hashes, type Range, rangesOf, reweighed, type Weighted } from '@prompt-store/assignment'

/** A time in which a test shared out its traffic in the same way. Each has its own expected ratio. */
export type Phase = Readonly<{
  /** 1, 2, … without gaps. */
  number: number
  coverage: number
  variants: readonly Weighted[]
  ranges: readonly Range[]
  startedAt: string
}>

type Shares = Pick<Phase, 'coverage' | 'variants'>

/** The phase that a test starts with. */
export const firstPhase = ({ coverage, variants }: Shares, startedAt: string): Phase => ({
  number: 1,
  coverage,
  variants,
  ranges: rangesOf(variants),
  startedAt,
})

/**
 * A change while the test runs. Of coverage: nobody changes the variant. Of weights: only the mass moves that must.
 * @returns null when nothing changes
 */
export function nextPhase(now: Phase, change: Partial<Shares>, startedAt: string): Phase | null {
  const { coverage = now.coverage, variants = now.variants } = change
  const ranges = reweighed(now.ranges, variants)
  const sharesChange = shareOf(ranges) !== shareOf(now.ranges)
  if (!sharesChange && coverage === now.coverage) return null
  return { number: now.number + 1, coverage, variants, ranges: sharesChange ? ranges : now.ranges, startedAt }
}

/** Ranges as one text, in whatever order their fields were stored: empty ones, which nobody falls into, do not count. */
const shareOf = (ranges: readonly Range[]): string =>
  JSON.stringify(ranges.filter(({ start, end }) => start < end).map(({ variant, start, end }) => [variant, start, end]))

/** The expected ratio of a phase, by variant in their order: what the sample-ratio check compares with. */
export const expectedShares = ({ variants, ranges }: Phase): number[] =>
  variants.map(({ key }) => ranges.reduce((sum, { variant, start, end }) => (variant === key ? sum + (end - start) / hashes : sum), 0))
