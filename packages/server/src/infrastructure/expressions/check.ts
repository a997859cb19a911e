import { ExpressionInvalid, type Expressions } from '../../core/expressions.ts'
import { unprocessable } from '../../core/problem.ts'
import type { SupervisedThread } from './supervised-thread.ts'
import { limits, type Violation } from './violation.ts'

/** For checking an expression, in the thread as well: far more than any takes that is within the limits. */
const checkMs = 1_000

const tooLong: Violation = { code: 'too_long', detail: `The expression is longer than ${limits.characters} characters. Make it shorter.` }
const tooSlow: Violation = { code: 'too_slow', detail: 'The expression cannot be read in a reasonable time. Make it simpler.' }

export const checkWith =
  (thread: Pick<SupervisedThread, 'run'>): Expressions['check'] =>
  async (source, { variables, pointer = '' }) => {
    const violation = source.length > limits.characters ? tooLong : await violationIn(thread, source, variables)
    if (violation) throw unprocessable(ExpressionInvalid, pointer, violation.code, violation.detail)
  }

async function violationIn({ run }: Pick<SupervisedThread, 'run'>, check: string, variables: readonly string[]) {
  for (let attempt = 1; ; attempt++) {
    const ran = await run({ check, variables }, checkMs, true)
    if ('answer' in ran) return ran.answer.violation
    if ('late' in ran) return tooSlow
    if (attempt === 2) throw ran.error
  }
}
