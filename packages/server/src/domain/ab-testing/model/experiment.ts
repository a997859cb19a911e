import type { Range } from '@prompt-store/assignment'

export type Metric = 'success' | 'score' | 'latencyMs' | 'costUsd' | 'tokens' | 'satisfaction'
export type Direction = 'higher' | 'lower'
export type Status = 'draft' | 'running' | 'paused' | 'completed'

/** An arm. `version` is what it serves: pinned when the test starts; before, `label` may say which. The first of a test is its control. */
export type Variant = Readonly<{ key: string; promptId: string; version: number | null; label: string | null; weight: number }>

/** A time in which the traffic was shared out in one way: a new one at each change of coverage or weights. `n` counts from 1. */
export type Phase = Readonly<{ n: number; startedAt: string; coverage: number; weights: readonly number[]; ranges: readonly Range[] }>

/** What ended a test, kept as it was decided. `evidence` is the analysis that it rests on, as whoever decided gives it. */
export type Decision = Readonly<{
  action: string
  winner: string | null
  reason: string | null
  evidence: Readonly<Record<string, unknown>> | null
  at: string
  by: string
}>

/** The part [start, end) of the 10,000 buckets of a namespace that a test holds while it runs. */
export type Slot = Readonly<{ name: string; start: number; end: number }>
export type Aim = Readonly<{ metric: Metric; direction: Direction }>

export type Experiment = Readonly<{
  id: string
  name: string
  hypothesis: string | null
  status: Status
  variants: readonly Variant[]
  seed: string
  /** What is randomised, in a word, such as `user`. */
  unit: string
  coverage: number
  ranges: readonly Range[]
  sticky: boolean
  targeting: string | null
  namespace: Slot | null
  /** The part of units, 0 to 1, that take no part: the same units in every test with a holdout. */
  holdout: number
  /** Units that see a variant of choice, and count for nothing: for testing. Unit to key. */
  forced: Readonly<Record<string, string>>
  metric: Readonly<{ primary: Metric; direction: Direction; quantile?: number }>
  secondary: readonly Aim[]
  guardrails: readonly (Aim & Readonly<{ maxRegression: number }>)[]
  allocation: 'fixed' | 'thompson' | 'track_and_stop'
  statistics: Readonly<{ alpha: number; sequential: true; expectedSampleSize: number }>
  minimumSampleSize: number
  maxDays: number | null
  minimumDays: number
  autoStop: 'off' | 'end' | 'promote'
  overlayLabel: string | null
  winner: string | null
  decision: Decision | null
  phases: readonly Phase[]
  startedAt: string | null
  endedAt: string | null
  createdBy: string
  createdAt: string
  updatedAt: string
  revision: number
}>

/** Tests of a workspace that run at a time: every instance has all of them in memory. */
export const mostRunning = 1_000

export const control = ({ variants }: Pick<Experiment, 'variants'>): Variant => variants[0]!
export const currentPhase = ({ phases }: Pick<Experiment, 'phases'>): Phase | undefined => phases.at(-1)
