import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { TSchema } from 'typebox'
import type { FieldError } from '../errors.ts'
import { escapePointer } from '../json.ts'

// Fastify's default compiler drops unknown fields and coerces bodies (null becomes 0). Bodies are taken as they are;
// only what comes as text (query, path) is coerced.
const options = { removeAdditional: false, useDefaults: true, allErrors: false, strict: false, allowUnionTypes: true } as const
const strict = new Ajv({ ...options, coerceTypes: false })
const coercing = new Ajv({ ...options, coerceTypes: 'array' })
for (const ajv of [strict, coercing]) addFormats.default(ajv)

export type Part = 'body' | 'query' | 'params'
export type Validator = (value: unknown) => FieldError[]

/** Schemas share `$id`s across endpoints; ajv wants each id once, so ids are taken out before compiling. */
const anonymous = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(anonymous)
  if (typeof schema !== 'object' || schema === null) return schema
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key, value]) => !(key === '$id' && typeof value === 'string'))
      .map(([key, value]) => [key, anonymous(value)]),
  )
}

/**
 * @returns a function that lists what is wrong with a value (empty: nothing); query and path values are coerced in place.
 * It is compiled when it is first called: all of them together take half a second, by which a start would be longer.
 */
export function compile(schema: TSchema, part: Part): Validator {
  let compiled: ValidateFunction | undefined
  return (value) => {
    compiled ??= (part === 'body' ? strict : coercing).compile(anonymous(schema) as object)
    return compiled(value) ? [] : (compiled.errors ?? []).filter((error) => error.keyword !== 'if').map((error) => fieldError(error, part))
  }
}

function fieldError(error: ErrorObject, part: Part): FieldError {
  const extra = (error.params.additionalProperty ?? error.params.missingProperty) as string | undefined
  const path = extra === undefined ? error.instancePath : `${error.instancePath}/${escapePointer(extra)}`
  const pointer = part === 'body' ? path : `${part === 'query' ? '?' : ':'}${path.slice(1)}`
  return { pointer, code: `schema.${error.keyword}`, detail: explain(error) }
}

function explain(error: ErrorObject): string {
  switch (error.keyword) {
    case 'additionalProperties':
      return `The field "${error.params.additionalProperty}" is not known here. Check its spelling or leave it out.`
    case 'required':
      return `The field "${error.params.missingProperty}" is needed.`
    case 'enum':
      return `It must be one of: ${(error.params.allowedValues as unknown[]).join(', ')}.`
    case 'const':
      return `It must be ${JSON.stringify(error.params.allowedValue)}.`
    case 'format':
      return error.params.format === 'date-time'
        ? 'It must be a time as RFC 3339 writes it, such as 2026-01-31T12:00:00Z.'
        : `It ${error.message}.`
    default:
      return `It ${error.message ?? 'is not valid'}.`
  }
}
