import type { Worker } from 'node:worker_threads'
import { LRUCache } from 'lru-cache'
import type { ExpressionOutcome, Expressions } from '../../core/expressions.ts'
import { checkWith } from './check.ts'
import { evaluateBatches } from './evaluate-batches.ts'
import { pack } from './pack.ts'
import { createSupervisedThread } from './supervised-thread.ts'

const rememberedSlow = 1_000

export type ExpressionEngine = Expressions &
  Readonly<{
    /** The thread that works now, if any: for tests that kill it. */
    thread(): Worker | undefined
  }>

/**
 * CEL in a worker thread, started with the first expression, so that nothing that users write stops the service.
 * @param options.timeoutMs CPU time for one expression against one set of bindings
 * @param options.rememberMs for so long an expression that was too slow is not tried again
 * @param options.file the thread's program: for tests of one that cannot be started
 */
export function createExpressions(options: { timeoutMs?: number; rememberMs?: number; file?: URL } = {}): ExpressionEngine {
  const { timeoutMs = 100, rememberMs = 60_000, file = new URL('./worker.ts', import.meta.url) } = options
  const supervised = createSupervisedThread(file)
  const slow = new LRUCache<string, true>({ max: rememberedSlow, ttl: rememberMs })
  const timeout: ExpressionOutcome = {
    failed: 'timeout',
    detail: `The expression took longer than ${timeoutMs} ms and is not tried again for ${Math.ceil(rememberMs / 1_000)} s. Make it simpler.`,
  }

  const evaluateAll: Expressions['evaluateAll'] = async (sources, bindings, { scope = '' } = {}) => {
    const packed = pack(bindings)
    if ('failed' in packed) return sources.map(() => packed)
    const key = (source: string) => `${scope}\n${source}`
    const [known, open] = partition([...new Set(sources)], (source) => slow.has(key(source)))
    const found = new Map<string, ExpressionOutcome>(known.map((source) => [source, timeout]))
    await evaluateBatches(supervised, { packed, timeoutMs, open }, (source, outcome) => {
      if (outcome === 'timeout') slow.set(key(source), true)
      found.set(source, outcome === 'timeout' ? timeout : outcome)
    })
    return sources.map((source) => found.get(source)!)
  }

  return {
    check: checkWith(supervised),
    evaluate: async (source, bindings, given) => (await evaluateAll([source], bindings, given))[0]!,
    evaluateAll,
    thread: supervised.thread,
    close: supervised.close,
  }
}

function partition<T>(all: readonly T[], test: (one: T) => boolean): [T[], T[]] {
  const yes: T[] = []
  const no: T[] = []
  for (const one of all) (test(one) ? yes : no).push(one)
  return [yes, no]
}
