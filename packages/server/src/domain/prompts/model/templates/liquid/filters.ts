import { filters, type Liquid } from 'liquidjs'
import { RenderFailed } from '../errors.ts'
import type { Run } from '../run.ts'
import { checkTime } from './renderer.ts'
import { runOf } from './sandbox.ts'
import { useMemory, weigh } from './values.ts'

/** Left out: filters that parse an expression out of a value (no static analysis sees into it), and chance. */
const removed = /_exp$|^sample$/
const dateFilters = /^date/

type Handler = (this: { context: Parameters<typeof runOf>[0] }, value: unknown, ...args: unknown[]) => unknown

/** Register liquidjs's filters so that each call is timed, sorting is charged for what it costs, and results are weighed. */
export const registerFilters = (liquid: Liquid): void => {
  for (const [name, filter] of Object.entries(filters)) {
    if (removed.test(name)) liquid.unregisterFilter(name)
    else if (typeof filter === 'function') liquid.registerFilter(name, metered(name, filter as Handler))
  }
}

const metered = (name: string, filter: Handler): Handler =>
  function (value, ...args) {
    const run = runOf(this.context)
    checkTime(run)
    if (dateFilters.test(name)) refuseClock(value)
    if (/^sort/.test(name) && Array.isArray(value)) useMemory(run, value.length * 32)
    const result = filter.call(this, value, ...args)
    if (isGenerator(result)) return weighed(result, run)
    weigh(result, run)
    return result
  }

function* weighed(steps: Iterator<unknown, unknown, unknown>, run: Run): Generator<unknown, unknown, unknown> {
  let state = steps.next()
  while (!state.done) state = steps.next(yield state.value)
  weigh(state.value, run)
  return state.value
}

const isGenerator = (value: unknown): value is Iterator<unknown, unknown, unknown> =>
  typeof value === 'object' && value !== null && 'next' in value && 'throw' in value

/** The same values render to the same text, at any time: templates do not read the clock. */
const refuseClock = (value: unknown): void => {
  if (value === 'now' || value === 'today')
    throw new RenderFailed(`date: "${value}" is not known to a template; pass the time as a variable`)
}
