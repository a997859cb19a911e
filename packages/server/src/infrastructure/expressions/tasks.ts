import type { ExpressionOutcome } from '../../core/expressions.ts'
import type { Violation } from './violation.ts'

/** Bindings as they travel to the thread: JSON, and what is a timestamp in it. */
export type Packed = Readonly<{ json: string; times: Readonly<Record<string, string>> }>
export type Batch = Packed & Readonly<{ sources: readonly string[] }>
type Check = Readonly<{ check: string; variables: readonly string[] }>

export type ExpressionTask = (Batch | Check) & Readonly<{ progress: SharedArrayBuffer }>
export type ExpressionAnswer = Readonly<{ outcomes?: readonly ExpressionOutcome[]; violation?: Violation | undefined }>
