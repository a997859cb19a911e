import type { TSchema } from 'typebox'
import type { FieldError } from '../../../core/errors.ts'

type Field = Readonly<{
  type?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  properties?: Readonly<Record<string, Field>>
  required?: readonly string[]
}>

/** What came of an event: what is wrong with it, or its known fields, and those that are not known here. */
export type Checked = Readonly<{ errors: FieldError[]; unknown: Record<string, unknown> | undefined }>

type Check = (value: unknown) => Omit<FieldError, 'pointer'> | undefined

const failure = (code: string, detail: string) => ({ code: `schema.${code}`, detail })

function textCheck({ minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern }: Field): Check {
  const wanted = pattern === undefined ? undefined : new RegExp(pattern, 'u')
  return (value) => {
    if (typeof value !== 'string') return failure('type', 'It must be a text.')
    // Code units are never fewer than characters: only what may be too long is counted.
    const length = value.length > maxLength ? [...value].length : value.length
    if (length < minLength) return failure('minLength', `It must have at least ${minLength} characters.`)
    if (length > maxLength) return failure('maxLength', `It must have at most ${maxLength} characters.`)
    return wanted && !wanted.test(value) ? failure('pattern', `It must match ${pattern}.`) : undefined
  }
}

function numberCheck({ type, minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY }: Field): Check {
  return (value) => {
    if (typeof value !== 'number') return failure('type', 'It must be a number.')
    if (type === 'integer' && !Number.isInteger(value)) return failure('type', 'It must be a whole number.')
    return value < minimum || value > maximum ? failure('range', `It must be between ${minimum} and ${maximum}.`) : undefined
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function checkOf(field: Field): Check {
  if (field.type === 'string') return textCheck(field)
  if (field.type === 'integer' || field.type === 'number') return numberCheck(field)
  if (field.type === 'boolean') return (value) => (typeof value === 'boolean' ? undefined : failure('type', 'It must be true or false.'))
  return (value) => (isObject(value) ? undefined : failure('type', 'It must be an object.'))
}

type Known = Readonly<{ check: Check; inner: ((value: unknown) => Checked) | undefined }>
const pointerOf = (name: string) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`

/**
 * A function that looks at one event of many, so that one that is wrong does not spoil its neighbours. Unlike the
 * validation of bodies it lets unknown fields pass, and names them.
 * @param schema an object of texts, numbers, truth values and such objects
 */
export function checkerOf(schema: TSchema): (value: unknown) => Checked {
  const { properties = {}, required = [] } = schema as Field
  const fields = new Map<string, Known>(
    Object.entries(properties).map(([name, field]) => [
      name,
      { check: checkOf(field), inner: field.properties && checkerOf(field as TSchema) },
    ]),
  )
  return (value) => {
    if (!isObject(value)) return { errors: [{ pointer: '', ...failure('type', 'It must be an object.') }], unknown: undefined }
    const errors: FieldError[] = []
    let unknown: Record<string, unknown> | undefined
    for (const name of Object.keys(value)) {
      const field = fields.get(name)
      if (!field) {
        unknown ??= Object.create(null) as Record<string, unknown>
        unknown[name] = value[name]
        continue
      }
      const wrong = field.check(value[name])
      if (wrong) errors.push({ pointer: pointerOf(name), ...wrong })
      else if (field.inner)
        for (const error of field.inner(value[name]).errors) errors.push({ ...error, pointer: pointerOf(name) + error.pointer })
    }
    for (const name of required)
      if (value[name] === undefined) errors.push({ pointer: pointerOf(name), ...failure('required', `The field "${name}" is needed.`) })
    return { errors, unknown }
  }
}
