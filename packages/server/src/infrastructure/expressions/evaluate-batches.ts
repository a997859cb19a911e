import type { ExpressionOutcome } from '../../core/expressions.ts'
import type { SupervisedThread } from './supervised-thread.ts'
import type { Packed } from './tasks.ts'

/** Expressions per task of the thread: others get their turn in between, and little is done again after one that is slow. */
const batchSize = 64
/** In a row, threads that end without having begun an expression, until it is given up. */
const maxFailures = 3
/** Threads that end, by themselves, in the midst of the same expression, until that is its fault. */
const maxDeaths = 2

const deadly: ExpressionOutcome = {
  failed: 'error',
  detail: 'The thread that evaluated this expression ended, twice: it may have needed too much memory. Make it simpler.',
}

/**
 * Evaluate expressions in batches. A batch whose thread is ended is done again without the expression that was at fault.
 * @param open no two the same
 * @param settle told the outcome of each
 * @throws when threads end before they begin anything, or it is closed
 */
export async function evaluateBatches(
  thread: Pick<SupervisedThread, 'run'>,
  { packed, timeoutMs, open }: { packed: Packed; timeoutMs: number; open: readonly string[] },
  settle: (source: string, outcome: ExpressionOutcome | 'timeout') => void,
) {
  const rest = [...open]
  const deaths = new Map<string, number>()
  let failures = 0
  while (rest.length > 0) {
    const sources = rest.slice(0, batchSize)
    const ran = await thread.run({ ...packed, sources }, timeoutMs)
    if ('answer' in ran) {
      rest.splice(0, sources.length)
      for (const [i, source] of sources.entries()) settle(source, ran.answer.outcomes![i]!)
      failures = 0
      continue
    }
    const source = sources['late' in ran ? ran.late : ran.diedAt]
    if (source === undefined) {
      if (++failures >= maxFailures) throw (ran as { error: Error }).error
      continue
    }
    const died = (deaths.get(source) ?? 0) + 1
    deaths.set(source, died)
    if (!('late' in ran) && died < maxDeaths) continue
    rest.splice(rest.indexOf(source), 1)
    settle(source, 'late' in ran ? 'timeout' : deadly)
  }
}
