import { RenderFailed, RenderLimit } from './errors.ts'
import type { IncludeRef, Limits, Part, RenderOptions, Run, Template } from './types.ts'

const defaultLimits: Limits = {
  output: 8 * 1024 * 1024,
  operations: 1_000_000,
  includeDepth: 8,
  liquidMs: 250,
  liquidMemory: 10_000_000,
}

const startRun = (values: Readonly<Record<string, unknown>>, options: RenderOptions = {}): Run => {
  const limits = options.limits === undefined ? defaultLimits : { ...defaultLimits, ...options.limits }
  return {
    limits,
    root: { value: values, up: null },
    include: options.include,
    used: options.used,
    missing: options.missing,
    out: '',
    operations: 0,
    open: [],
    deadline: 0,
    memory: limits.liquidMemory,
  }
}

/** Make a `Template` of a part: rendering starts a run of its own. */
export const templateOf = (part: Part, found: Pick<Template, 'uses' | 'includes'>): Template => ({
  engine: part.engine,
  uses: found.uses,
  includes: found.includes,
  part,
  render: (values, options) => {
    const run = startRun(values, options)
    part.write(run, run.root)
    return run.out
  },
})

/** Write a text. Throws `RenderLimit` when the output becomes too long. */
export const append = (run: Run, text: string): void => {
  if (run.out.length + text.length > run.limits.output) throw outputLimit(run)
  run.out += text
}

/** Count work. Throws `RenderLimit` when it was too much. */
export const spend = (run: Run, operations: number): void => {
  run.operations += operations
  if (run.operations > run.limits.operations) throw operationsLimit(run)
}

export const outputLimit = (run: Run): RenderLimit => new RenderLimit(`the output is longer than ${run.limits.output} characters`)
export const operationsLimit = (run: Run): RenderLimit => new RenderLimit(`rendering takes more than ${run.limits.operations} steps`)

/** Go one include deeper; every `enter` needs its `leave`. Throws `RenderLimit` and `RenderFailed`. */
export const enter = (run: Run, ref: IncludeRef): Part => {
  if (run.open.length >= run.limits.includeDepth)
    throw new RenderLimit(`includes are nested deeper than ${run.limits.includeDepth} (at ${ref.raw.slice(0, 80)})`)
  const template = run.include?.(ref, run.open.at(-1))
  if (template === undefined) throw new RenderFailed(`the included prompt "${ref.raw.slice(0, 80)}" is not found`)
  run.open.push(template)
  return template.part
}

export const leave = (run: Run): void => {
  run.open.pop()
}

/** A value as text: strings as they are, null and undefined as nothing, numbers and booleans by `String`, the rest as JSON. */
export const textOf = (value: unknown): string => {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(value)
    case 'object':
      return value === null ? '' : jsonOf(value)
    default:
      return '' // undefined, functions and symbols are no data
  }
}

const jsonOf = (value: object): string => {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    throw new RenderLimit('a value is nested too deeply (or in itself) to be written as JSON')
  }
}

/** Whether `value` has `name` as its own property. Nothing inherited, no `length` of arrays and texts; but `__proto__` where JSON holds it: data like any other. */
export const owns = (value: unknown, name: string): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name) && !(name === 'length' && Array.isArray(value))
