import { type CelInput, parse, plan } from '@bufbuild/cel'
import { language } from './language.ts'

/**
 * JSON as CEL has it: integers up to 2^53 are `int`, all other numbers `double`; objects are maps, whatever their keys are
 * called (the library would look at `constructor`).
 */
function celOf(value: unknown): CelInput {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  if (Array.isArray(value)) return value.map(celOf)
  if (typeof value === 'object' && value !== null) return new Map(Object.entries(value).map(([key, inner]) => [key, celOf(inner)]))
  return value as string | boolean | null
}

const timestampOf = plan(language, parse('timestamp(text)'))

/**
 * @param json an object: the bindings by name
 * @param times bindings that are timestamps, RFC 3339
 * @returns the bindings without a prototype: a variable named `toString` is missing unless it is bound
 */
export function bindingsOf(json: string, times: Readonly<Record<string, string>>): Record<string, CelInput> {
  const bindings: Record<string, CelInput> = Object.create(null)
  for (const [name, value] of Object.entries(JSON.parse(json))) bindings[name] = celOf(value)
  for (const [name, text] of Object.entries(times)) bindings[name] = timestampOf({ text }) as CelInput
  return bindings
}
