import { errorKind } from './errors.ts'

export const ExpressionInvalid = errorKind({ code: 'expression.invalid', status: 422, title: 'The expression cannot be used' })

/** What an expression is written for. */
export type ExpressionShape = Readonly<{
  /** The names that its bindings will have. No others may be used. */
  variables: readonly string[]
  /** Where the expression stands in the body (RFC 6901), such as `/filter`: told in the problem. */
  pointer?: string
}>

/** What became of an expression: a boolean, or why there is none. A match is `outcome.value === true` and nothing else. */
export type ExpressionOutcome = Readonly<{ value: boolean; failed?: undefined }> | ExpressionFailure
export type ExpressionFailure = Readonly<{ value?: undefined; failed: 'timeout' | 'error' | 'not_boolean'; detail: string }>

/** What the expression may read: JSON by name; a Date at the top is bound as a timestamp. */
export type ExpressionBindings = Readonly<Record<string, unknown>>

export type ExpressionOptions = Readonly<{
  /** Whose expressions these are, such as a workspace id: what is remembered of them as slow holds for this scope alone. */
  scope?: string
}>

/** Conditions written by users, in CEL (the Common Expression Language), such as `data.label == "production"`. */
export type Expressions = Readonly<{
  /**
   * Whether an expression may be saved: it parses, is within the limits, and uses known names only.
   * @throws AppError `ExpressionInvalid` that says what is wrong, at which line and column, and what to do
   */
  check(source: string, shape: ExpressionShape): Promise<void>
  /** One expression. @see evaluateAll */
  evaluate(source: string, bindings: ExpressionBindings, options?: ExpressionOptions): Promise<ExpressionOutcome>
  /**
   * Many expressions against the same bindings, in one go: what is cheap about it is shared. Whatever an expression does, or
   * the bindings hold, is an outcome; a slow one does not take its neighbours along.
   * @returns one outcome for each source, in their order
   * @throws when nothing can be evaluated at all (closed, or no thread to be had): the caller tries again later
   */
  evaluateAll(sources: readonly string[], bindings: ExpressionBindings, options?: ExpressionOptions): Promise<readonly ExpressionOutcome[]>
  close(): Promise<void>
}>
