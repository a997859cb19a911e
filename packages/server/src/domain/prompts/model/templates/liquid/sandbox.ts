import { Context, Drop, type Emitter, type Liquid } from 'liquidjs'
import { append, outputLimit, owns } from '../run.ts'
import type { Run, Scope } from '../types.ts'
import { cleaned, liquidText, useMemory } from './values.ts'

/** Where a context keeps its run: a symbol, which no template can name. liquidjs hands `globals` on to spawned contexts. */
const runKey = Symbol('run')
type Globals = { [runKey]: Run }

/** The run that a liquidjs context belongs to. */
export const runOf = (context: Context): Run => (context.globals as unknown as Globals)[runKey]

/** What `forloop` and `tablerowloop` may be asked for; liquidjs would show their whole prototypes. */
const loopMembers = new Set(['index', 'index0', 'first', 'last', 'rindex', 'rindex0', 'length', 'name'])
for (const name of ['row', 'col', 'col0', 'col_first', 'col_last']) loopMembers.add(name)

/** A liquidjs context in which only data can be reached, and whose work is charged to the run. */
export const sandboxed = (liquid: Liquid, run: Run, scope: Scope): Context => {
  // Own members that are undefined: liquidjs computes `size`, `first` and `last` of the scope itself where they are absent.
  const globals = { size: undefined, first: undefined, last: undefined, [runKey]: run }
  const memoryLimit = { use: (amount: number) => useMemory(run, Number(amount)), check: () => {} }
  const limits = { memoryLimit, renderLimit: { use: () => {}, check: () => {} }, liquid }
  const options = { sync: true, globals, ownPropertyOnly: true, strictVariables: false }
  return guarded(new Context(environment(run, scope), liquid.options, options, limits as unknown as ContextLimits))
}

type ContextLimits = NonNullable<ConstructorParameters<typeof Context>[3]>

/** What TypeScript calls private in a liquidjs context and is needed here; the tests of this folder watch over it. */
type Internals = { readProperty: (object: unknown, key: unknown) => unknown; scopes: readonly object[] }
const internalsOf = (context: Context): Internals => context as unknown as Internals

/** liquidjs offers no hook for reading members, so a context's own methods are replaced, also in those it spawns. */
const guarded = (context: Context): Context => {
  const inside = internalsOf(context)
  const read = inside.readProperty.bind(context)
  const spawn = context.spawn.bind(context)
  inside.readProperty = (object, key) => {
    if (key === '__proto__') return undefined
    if (object instanceof Drop && !loopMembers.has(String(key))) return undefined
    return typeof object === 'object' || typeof object === 'string' ? read(object, key) : undefined
  }
  context.spawn = (scope) => guarded(spawn(scope))
  return context
}

/** The values of a scope, innermost first, copied when they are asked for; notes what is used and what is missing. */
const environment = (run: Run, scope: Scope): object => {
  const copies: Record<string, unknown> = Object.create(null)
  const has = (target: Record<string, unknown>, name: string | symbol): boolean => {
    if (typeof name === 'symbol') return false
    if (Object.hasOwn(target, name)) return true
    for (let frame: Scope | null = scope; frame !== null; frame = frame.up) {
      if (Array.isArray(frame.value) || !owns(frame.value, name)) continue
      if (frame === run.root) run.used?.add(name)
      target[name] = cleaned(frame.value[name], run)
      return true
    }
    run.missing?.add(name)
    return false
  }
  return new Proxy(copies, { has })
}

/**
 * The scope of an include in a liquid template, for engines other than liquid: what the tags around it have set, and
 * outside that the given values, unless the tag (`render`) keeps them out.
 */
export const scopeOf = (context: Context): Scope => {
  const run = runOf(context)
  const frames = internalsOf(context).scopes
  const isIsolated = Object.getPrototypeOf(context.environments) !== null
  return { value: Object.assign(Object.create(null), ...frames), up: isIsolated ? null : run.root }
}

/** Writes into the run's output. */
export const runEmitter = (run: Run): Emitter => ({ buffer: '', write: (value) => append(run, liquidText(value)) })

/** Collects a text of its own (`capture`), no longer than an output may be, and charged as memory. */
export const bufferEmitter = (run: Run): Emitter => {
  const emitter: Emitter = {
    buffer: '',
    write: (value) => {
      const text = liquidText(value)
      useMemory(run, text.length)
      if (emitter.buffer.length + text.length > run.limits.output) throw outputLimit(run)
      emitter.buffer += text
    },
  }
  return emitter
}
