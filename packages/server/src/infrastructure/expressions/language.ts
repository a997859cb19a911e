import { type CelFunc, type CelInput, CelScalar, celEnv, celFunc, celMethod, isCelError } from '@bufbuild/cel'
import { strings } from '@bufbuild/cel/ext'

/**
 * The longest text, in UTF-16 units, that may be sought in another. V8's search is quadratic at worst and cannot be
 * interrupted in its midst, not even by ending the thread: 30,000 in 400,000 take 8 s, 1,000 in 1,000,000 about half a second.
 */
const longestSought = 1_000
const searches = new Set(['contains', 'indexOf', 'lastIndexOf', 'replace', 'split'])

const bounded = (func: CelFunc): CelFunc =>
  celMethod(func.name, func.target!, func.arguments, func.result, function (...args) {
    const [sought] = args
    if (typeof sought === 'string' && sought.length > longestSought)
      throw new Error(`${func.name}() takes at most ${longestSought} characters to look for`)
    const result = func.call(0, this, args)
    if (isCelError(result)) throw result
    return result as CelInput
  })

const { INT, DOUBLE } = CelScalar
/** JSON has one kind of number, and 1.0 arrives as 1: users cannot know which side is the integer. */
const mixed = (
  [
    ['_+_', (left, right) => left + right],
    ['_-_', (left, right) => left - right],
    ['_*_', (left, right) => left * right],
    ['_/_', (left, right) => left / right],
  ] satisfies [string, (left: number, right: number) => number][]
).flatMap(([name, compute]) => [
  celFunc(name, [INT, DOUBLE], DOUBLE, (left, right) => compute(Number(left), right)),
  celFunc(name, [DOUBLE, INT], DOUBLE, (left, right) => compute(left, Number(right))),
])

const standard = [...celEnv({ funcs: strings }).funcs]

/** CEL's standard functions, its extension for strings, and arithmetic of an integer with a double. */
export const language = celEnv({
  funcs: [...strings, ...standard.filter(({ name, target }) => target && searches.has(name)).map(bounded), ...mixed],
})

/** What the planner knows beside the functions. */
const operators = new Set(['_[_]', '_?_:_', '_&&_', '_||_', '@not_strictly_false'])
export const isFunction = (name: string): boolean => operators.has(name) || language.funcs.find(name) !== undefined

/** Types can be named, as in `type(data.version) == int`. */
export const typeNames = ['int', 'uint', 'double', 'bool', 'string', 'bytes', 'list', 'map', 'null_type', 'type']
