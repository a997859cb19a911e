import { AppError, type FieldError } from '../../../core/errors.ts'
import { escapePointer } from '../../../core/json.ts'
import { unprocessable } from '../../../core/problem.ts'
import { VariablesInvalid } from './failures.ts'
import type { Variable, VariableInput } from './shapes.ts'
import type { VariableUse } from './templates/index.ts'
import { matchesSchema, schemaFlaw } from './value-schema.ts'

/**
 * The variables of a version: those declared, then those that the content uses and nobody declared. A plain use is a
 * required string; the root of a section or a dotted name is `any`; a placeholder is an optional list of messages;
 * what is used only inside a section may be a field of its items, and is optional.
 * @throws VariablesInvalid (422) for a name declared twice, or a default or enum that does not fit the type
 */
export function completeVariables(
  declared: readonly VariableInput[],
  content: { uses: readonly VariableUse[]; placeholders: readonly string[] },
): Variable[] {
  const variables = new Map<string, Variable>()
  declared.forEach((input, i) => {
    if (variables.has(input.name))
      throw unprocessable(VariablesInvalid, `/variables/${i}/name`, 'variable.duplicate', `"${input.name}" is declared twice.`)
    const variable = declare(input)
    assertDeclaration(variable, i)
    variables.set(variable.name, variable)
  })
  for (const name of content.placeholders) if (!variables.has(name)) variables.set(name, { name, type: 'array', required: false })
  for (const [name, use] of strongestUses(content.uses)) if (!variables.has(name)) variables.set(name, ofUse(use))
  return [...variables.values()]
}

const declare = (input: VariableInput): Variable => ({
  ...input,
  type: input.type ?? 'string',
  required: input.required ?? input.default === undefined,
})

const ofUse = ({ name, kind, inner }: VariableUse): Variable =>
  kind === 'structured' ? { name, type: 'any', required: !inner } : { name, type: inner ? 'any' : 'string', required: !inner }

/** One use for each name: structured before plain, outside of sections before inside. */
function strongestUses(uses: readonly VariableUse[]): Map<string, VariableUse> {
  const strongest = new Map<string, VariableUse>()
  for (const use of uses) {
    const known = strongest.get(use.name)
    const kind = known?.kind === 'structured' ? 'structured' : use.kind
    const inner = Boolean(use.inner) && (known === undefined || Boolean(known.inner))
    strongest.set(use.name, { name: use.name, kind, ...(inner && { inner }) })
  }
  return strongest
}

function assertDeclaration(variable: Variable, i: number): void {
  const refuse = (field: string, detail: string) => unprocessable(VariablesInvalid, `/variables/${i}/${field}`, `variable.${field}`, detail)
  const flaw = variable.schema && schemaFlaw(variable.schema)
  if (flaw) throw refuse('schema', `The schema of "${variable.name}" cannot be used: ${flaw}`)
  if (variable.enum?.some((value) => !hasType(value, variable.type)))
    throw refuse('enum', `Every value of the enum of "${variable.name}" must be of type ${variable.type}.`)
  const wrong = variable.default === undefined ? undefined : misfit(variable, variable.default)
  if (wrong) throw refuse('default', `The default of "${variable.name}" ${wrong}.`)
}

const hasType = (value: unknown, type: Variable['type']): boolean => {
  switch (type) {
    case 'any':
      return true
    case 'array':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'integer':
      return Number.isSafeInteger(value)
    case 'number':
      return typeof value === 'number'
    default:
      return typeof value === type
  }
}

/** What is wrong with a value, as the end of a sentence; undefined when it fits. */
function misfit({ type, enum: allowed, schema }: Variable, value: unknown): string | undefined {
  if (!hasType(value, type)) return `must be of type ${type}`
  if (allowed && !allowed.some((one) => JSON.stringify(one) === JSON.stringify(value)))
    return `must be one of ${allowed
      .map((one) => JSON.stringify(one))
      .join(', ')
      .slice(0, 500)}`
  if (schema && !matchesSchema(schema, value)) return 'does not match its schema'
  return undefined
}

export type Filled = Readonly<{ values: Readonly<Record<string, unknown>>; unknown: readonly string[] }>

/**
 * Check given values against the variables of a prompt and fill in defaults.
 * @param strict names that the prompt does not know are errors too
 * @returns the values by name (own properties of an object without prototype), and the names nobody asked for
 * @throws VariablesInvalid (422), naming each that is missing or wrong
 */
export function fillVariables(variables: readonly Variable[], given: Readonly<Record<string, unknown>>, strict = false): Filled {
  const values: Record<string, unknown> = Object.create(null)
  const errors: FieldError[] = []
  const report = (name: string, code: string, detail: string) => errors.push({ pointer: `/variables/${escapePointer(name)}`, code, detail })
  const known = new Set(variables.map(({ name }) => name))
  for (const variable of variables) {
    const { name } = variable
    const value = Object.hasOwn(given, name) && given[name] !== null ? given[name] : variable.default
    if (value === undefined) {
      if (variable.required) report(name, 'variable.missing', `"${name}" (${variable.type}) is needed.`)
      continue
    }
    const wrong = misfit(variable, value)
    if (wrong) report(name, 'variable.wrong', `"${name}" ${wrong}.`)
    else values[name] = value
  }
  const unknown = Object.keys(given).filter((name) => !known.has(name))
  if (strict) for (const name of unknown) report(name, 'variable.unknown', `The prompt has no variable "${name}".`)
  if (errors.length > 0)
    throw new AppError(
      VariablesInvalid,
      errors
        .map(({ detail }) => detail)
        .join(' ')
        .slice(0, 2000),
      { errors },
    )
  return { values, unknown }
}

/**
 * Values that came as text (query parameters `var.<name>`), by the declared type: numbers and booleans are read, arrays
 * and objects are JSON, everything else stays text. What cannot be read stays text too, and is then refused by type.
 */
export function coerceTexts(variables: readonly Variable[], texts: Readonly<Record<string, string>>): Record<string, unknown> {
  const types = new Map(variables.map(({ name, type }) => [name, type]))
  const values: Record<string, unknown> = Object.create(null)
  for (const [name, text] of Object.entries(texts)) values[name] = coerce(text, types.get(name))
  return values
}

function coerce(text: string, type: Variable['type'] | undefined): unknown {
  if (type === 'number' || type === 'integer') return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : text
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  if (type === 'array' || type === 'object') return jsonOr(text)
  if (type === 'any') return /^[[{]/.test(text) ? jsonOr(text) : text
  return text
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Gives values by the variables that are declared. */
export type Values = (declared: Parameters<typeof coerceTexts>[0]) => Readonly<Record<string, unknown>>
