import { defaultOperators, filters, type Liquid, type Operators } from 'liquidjs'
import { RenderFailed, RenderLimit } from '../errors.ts'
import type { Run } from '../types.ts'
import { checkTime } from './renderer.ts'
import { runOf } from './sandbox.ts'
import { liquidText, useMemory, weigh } from './values.ts'

/** Left out: filters that parse an expression out of a value (no static analysis sees into it), and chance. */
const removed = /_exp$|^sample$/
const dateFilters = /^date/
const sortFilters = /^sort/
const searchFilters = /^(?:split|replace|remove)/

/** Length of a text times length of what is searched in it: V8's search takes that many steps at worst, with no way to stop it. */
const maxSearch = 100_000_000

type Context = Parameters<typeof runOf>[0]
type Handler = (this: { context: Context }, value: unknown, ...args: unknown[]) => unknown

/** Register liquidjs's filters so that each is timed, charged for what it costs, and its result weighed. */
export const registerFilters = (liquid: Liquid): void => {
  for (const [name, filter] of Object.entries(filters)) {
    if (removed.test(name)) liquid.unregisterFilter(name)
    else if (typeof filter === 'function') liquid.registerFilter(name, metered(name, filter as Handler))
  }
}

/** liquidjs's operators, timed in the same way: `contains` searches, `==` compares lists item by item. */
export const meteredOperators = (): Operators => {
  const operators: Operators = {}
  for (const [name, operator] of Object.entries(defaultOperators)) {
    const handler = operator as (lhs: unknown, rhs: unknown, context: Context) => unknown
    // `not` has one operand, so its context comes second.
    operators[name] = (lhs: unknown, rhs: unknown, context?: Context) => {
      const run = runOf(context ?? (rhs as Context))
      checkTime(run)
      if (Array.isArray(lhs)) chargeComparison(lhs, run)
      else if (name === 'contains') checkSearch(lhs, rhs)
      return handler(lhs, rhs, context as Context) as boolean
    }
  }
  return operators
}

const metered = (name: string, filter: Handler): Handler =>
  function (value, ...args) {
    const run = runOf(this.context)
    checkTime(run)
    if (dateFilters.test(name)) refuseClock(value)
    if (sortFilters.test(name) && Array.isArray(value)) useMemory(run, value.length * 32)
    if (searchFilters.test(name)) checkSearch(value, args[0])
    const result = filter.call(this, value, ...args)
    if (isGenerator(result)) return weighed(result, run)
    weigh(result, run)
    return result
  }

function* weighed(steps: Steps, run: Run): Steps {
  const result = yield* timed(steps, run)
  weigh(result, run)
  return result
}

/** Filters that walk a list give way at each item: look at the clock there. */
function* timed(steps: Steps, run: Run): Steps {
  let state = steps.next()
  while (!state.done) {
    checkTime(run)
    state = steps.next(yield state.value)
  }
  return state.value
}

type Steps = Generator<unknown, unknown, unknown>
const isGenerator = (value: unknown): value is Steps => typeof value === 'object' && value !== null && 'next' in value && 'throw' in value

const checkSearch = (text: unknown, wanted: unknown): void => {
  if (lengthOf(text) * lengthOf(wanted) > maxSearch) throw new RenderLimit('a long text is searched for another long text')
}
/** Comparing an item costs about as much as copying eight, and is not interrupted. */
const chargeComparison = (list: readonly unknown[], run: Run): void => {
  weigh(list, run)
  useMemory(run, list.length * 8)
}

const lengthOf = (value: unknown): number => (typeof value === 'string' ? value.length : liquidText(value).length)

/** The same values render to the same text, at any time: templates do not read the clock. */
const refuseClock = (value: unknown): void => {
  if (value === 'now' || value === 'today')
    throw new RenderFailed(`date: "${value}" is not known to a template; pass the time as a variable`)
}
