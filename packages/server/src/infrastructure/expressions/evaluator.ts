import { type CelInput, type CelResult, isCelError, parse, plan } from '@bufbuild/cel'
import { LRUCache } from 'lru-cache'
import type { ExpressionOutcome } from '../../core/expressions.ts'
import { language } from './language.ts'
import type { Batch, Packed } from './tasks.ts'
import { bindingsOf } from './values.ts'

type Bindings = Record<string, CelInput>
type Program = (bindings: Bindings) => CelResult

/** Characters of all kept expressions; a program takes 60–140 bytes for each. */
const keptCharacters = 200_000
const longestDetail = 300

/** Evaluates batches, keeping the programs of the expressions and the last bindings: what of them is the same is not made again. */
export function createEvaluator() {
  const programs = new LRUCache<string, Program>({ maxSize: keptCharacters, sizeCalculation: (_, source) => source.length + 1 })
  let last: (Packed & { bindings: Bindings }) | undefined

  const programOf = (source: string): Program => {
    const kept = programs.get(source)
    if (kept) return kept
    const made = plan(language, parse(source)) as Program
    programs.set(source, made)
    return made
  }
  const bind = ({ json, times }: Packed): Bindings => {
    if (last && last.json === json && JSON.stringify(last.times) === JSON.stringify(times)) return last.bindings
    last = undefined // two of them might be too much for the thread's memory
    last = { json, times, bindings: bindingsOf(json, times) }
    return last.bindings
  }

  /** @param begin called with the place of each expression before it is begun */
  return (batch: Batch, begin: (index: number) => void): ExpressionOutcome[] => {
    const bindings = attempt(() => bind(batch))
    if ('failed' in bindings) return batch.sources.map(() => bindings.failed)
    return batch.sources.map((source, index) => {
      begin(index)
      const result = attempt(() => programOf(source)(bindings.done))
      return 'failed' in result ? result.failed : outcomeOf(result.done)
    })
  }
}

function outcomeOf(result: CelResult): ExpressionOutcome {
  if (typeof result === 'boolean') return { value: result }
  if (isCelError(result)) return failed(result)
  return { failed: 'not_boolean', detail: 'The result is neither true nor false: compare it with something.' }
}

const failed = ({ message }: Error): ExpressionOutcome => ({ failed: 'error', detail: message.slice(0, longestDetail) })

function attempt<T>(work: () => T): { done: T } | { failed: ExpressionOutcome } {
  try {
    return { done: work() }
  } catch (error) {
    return { failed: failed(error as Error) }
  }
}
