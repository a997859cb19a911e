import type { Principal } from '../../../core/access.ts'
import type { ProblemBody } from '../../../core/problem.ts'

export const kinds = ['create', 'update', 'delete', 'tag'] as const
export type Kind = (typeof kinds)[number]
export type Status = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'
export const outcomes = ['pending', 'succeeded', 'failed', 'skipped'] as const
export type Outcome = (typeof outcomes)[number]

/** What is the same for all items: whether a deletion is forced, and how tags change. */
export type Options = Readonly<{
  force?: boolean | undefined
  add?: readonly string[] | undefined
  remove?: readonly string[] | undefined
  set?: readonly string[] | undefined
}>
export type Counts = Readonly<{ succeeded: number; failed: number; skipped: number }>

/** What somebody wants done to many prompts, beside the items. */
export type Wanted = Readonly<{ kind: Kind; atomic: boolean; dryRun: boolean; options: Options }>

/** An operation as workers see it. */
export type Operation = Wanted &
  Counts &
  Readonly<{
    id: string
    status: Status
    total: number
    /** All items up to this index are decided. */
    doneThrough: number
    cancelRequested: boolean
    requestId: string
    traceparent: string | null
    createdBy: string
    finishedAt: string | null
  }>

/** An item that waits for its turn: JSON as it came. */
export type Item = Readonly<{ index: number; payload: string }>
/** What became of an item. `version` is the prompt's newest after it. */
export type Decided = Readonly<{
  index: number
  outcome: 'succeeded' | 'failed' | 'skipped'
  promptId: string | null
  version: number | null
  problem: ProblemBody | null
}>

/** Most items of a JSON body, and of a filter. */
export const maxItems = 100_000
/** Most items of an operation that is atomic or a dry run: they are one transaction. */
export const maxWhole = 10_000
/** Most bytes of one item, as of the body of a single call. */
export const maxItemBytes = 8 * 1024 * 1024
/** Most operations of a workspace that are not over. */
export const maxOpen = 100
/** How long an operation is kept after its end, and one whose lines never came to an end. Milliseconds. */
export const keptMs = 30 * 24 * 3_600_000
export const halfReceivedMs = 24 * 3_600_000

/** The job that works on an operation. */
export const runJob = { name: 'bulk.run' }

export const isWhole = ({ atomic, dryRun }: Pick<Wanted, 'atomic' | 'dryRun'>): boolean => atomic || dryRun

export const countsOf = (decided: readonly Decided[]): Counts => {
  const count = (wanted: Outcome) => decided.filter(({ outcome }) => outcome === wanted).length
  return { succeeded: count('succeeded'), failed: count('failed'), skipped: count('skipped') }
}

/** Items tell of prompts, so somebody who may read some prompts alone is told of its own operations alone. */
export const seesAll = ({ limits }: Principal): boolean => !limits?.has('prompts:read')
