import { AppError } from '../../../core/errors.ts'
import { RequestInvalid } from '../../../core/problem.ts'

export type Attribute = string | number | boolean
export type Attributes = ReadonlyMap<string, Attribute>

/** A span, as far as it is looked at here. */
export type Span = Readonly<{
  /** Hex; undefined: not one that there can be. */
  traceId: string | undefined
  spanId: string | undefined
  /** Nanoseconds since 1970. */
  start: bigint | undefined
  end: bigint | undefined
  attributes: Attributes
  /** The resource that it comes from. */
  resource: Attributes
  /** Its status is an error. */
  failed: boolean
}>

type Fields = Readonly<Record<string, unknown>>

const bad = (at: string, what: string) =>
  new AppError(RequestInvalid, `${at} must be ${what}.`, {
    errors: [{ pointer: `/${at}`, code: 'schema.type', detail: `It must be ${what}.` }],
  })

function listOf(value: unknown, at: string): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw bad(at, 'an array')
  return value
}
function fieldsOf(value: unknown, at: string): Fields {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) throw bad(at, 'an object')
  return value as Fields
}

/** The spans of an export, one by one. Unknown fields are passed over, as OTLP asks. @throws RequestInvalid (400) */
export function* spansOf(request: unknown): Generator<Span> {
  if (request === undefined || request === null) throw bad('resourceSpans', 'an array')
  for (const one of listOf(fieldsOf(request, 'body').resourceSpans, 'resourceSpans')) {
    const { resource, scopeSpans } = fieldsOf(one, 'resourceSpans')
    const shared = attributesOf(fieldsOf(resource, 'resource').attributes)
    for (const scope of listOf(scopeSpans, 'scopeSpans'))
      for (const span of listOf(fieldsOf(scope, 'scopeSpans').spans, 'spans')) yield spanOf(fieldsOf(span, 'spans'), shared)
  }
}

const errorStatus = 2

const spanOf = (span: Fields, resource: Attributes): Span => ({
  traceId: idOf(span.traceId, 16),
  spanId: idOf(span.spanId, 8),
  start: nanoseconds(span.startTimeUnixNano),
  end: nanoseconds(span.endTimeUnixNano),
  attributes: attributesOf(span.attributes),
  resource,
  failed: Number(fieldsOf(span.status, 'status').code ?? 0) === errorStatus,
})

/** Hex in JSON, bytes in protobuf; all zeros are no id (W3C Trace Context). */
function idOf(value: unknown, bytes: number): string | undefined {
  const hex = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : typeof value === 'string' ? value.toLowerCase() : ''
  return hex.length === bytes * 2 && /^[0-9a-f]+$/.test(hex) && /[^0]/.test(hex) ? hex : undefined
}

/** A 64-bit number: a text of digits, or in JSON a number too. */
const nanoseconds = (value: unknown): bigint | undefined =>
  (typeof value === 'string' && /^\d{1,20}$/.test(value)) || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)
    ? BigInt(value)
    : undefined

/** Attributes of plain values, the last one of a name; lists and maps are passed over. */
function attributesOf(value: unknown): Attributes {
  const found = new Map<string, Attribute>()
  for (const one of listOf(value, 'attributes')) {
    const { key, value: wrapped } = fieldsOf(one, 'attributes')
    const plain = plainOf(fieldsOf(wrapped, 'attributes'))
    if (typeof key === 'string' && plain !== undefined) found.set(key, plain)
  }
  return found
}

function plainOf({ stringValue, boolValue, intValue, doubleValue }: Fields): Attribute | undefined {
  if (typeof stringValue === 'string') return stringValue
  if (typeof boolValue === 'boolean') return boolValue
  if (typeof intValue === 'number' || (typeof intValue === 'string' && /^-?\d{1,19}$/.test(intValue))) return Number(intValue)
  return typeof doubleValue === 'number' ? doubleValue : undefined
}
