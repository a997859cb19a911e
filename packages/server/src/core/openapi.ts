import type { TObject, TSchema } from 'typebox'
import { type AnyEndpoint, changesState, linesType, statusOf } from './endpoint.ts'
import { eventStreamType } from './event-stream.ts'
import type { ListedEvent } from './events.ts'
import { eventTypesOf, type Module } from './module.ts'
import { Problem } from './problem.ts'

type Json = Record<string, unknown>

/** The OpenAPI 3.1 document of all endpoints. Deterministic: it is committed as the contract's snapshot. */
export function openApiDocument(modules: readonly Module[], version: string): Json {
  const schemas: Json = {}
  const paths: Record<string, Json> = {}
  for (const module of modules)
    for (const e of module.endpoints) {
      const path = `/api/v1${e.path.replace(/:([A-Za-z]+)/g, '{$1}')}`
      paths[path] = { ...paths[path], [e.method.toLowerCase()]: operation(e, module.name, schemas) }
    }
  hoist(Problem, schemas)
  return {
    openapi: '3.1.0',
    info: {
      title: 'Prompt Store',
      version,
      description: 'Keeps, versions, labels and serves prompts. Every failure is an RFC 9457 problem document; see /docs/errors/{code}.',
    },
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    tags: modules.filter((m) => m.endpoints.length > 0).map(({ name }) => ({ name })),
    paths,
    webhooks: Object.fromEntries(eventTypesOf(modules).map((event) => [event.type, { post: webhook(event, schemas) }])),
    components: {
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'An API key. Without any key the service runs open, on loopback only.' },
      },
      schemas,
    },
  }
}

function operation(e: AnyEndpoint, tag: string, schemas: Json): Json {
  const failures = new Map<number, string[]>()
  for (const { status, code } of e.errors ?? []) failures.set(status, [...(failures.get(status) ?? []), code])
  const success = e.reply
    ? { description: 'Done', content: { [e.replyType ?? 'application/json']: { schema: hoist(e.reply, schemas) } } }
    : { description: 'Done; no body' }
  return {
    operationId: e.name,
    tags: [tag],
    summary: e.summary,
    'x-permission': e.access,
    parameters: [...parameters(e.params, 'path', schemas), ...parameters(e.query, 'query', schemas), ...headerParameters(e)],
    ...(e.body && {
      requestBody: {
        required: ((e.body as TObject).required ?? []).length > 0,
        content: {
          'application/json': { schema: hoist(e.body, schemas) },
          ...(e.lines && { [linesType]: { schema: { type: 'string', description: 'One item a line, read as they come' } } }),
        },
      },
    }),
    responses: {
      [statusOf(e)]: success,
      ...(e.awaited && { 200: { ...success, description: 'Done within the time that `Prefer: wait` gives it' } }),
      ...Object.fromEntries([...failures].sort(([a], [b]) => a - b).map(([status, codes]) => [status, problem(codes.join(', '))])),
      default: problem('Any other failure'),
    },
  }
}

/** What a webhook that asked for a type of event is sent (Standard Webhooks 1.0). */
const webhook = ({ type, schema, description }: ListedEvent, schemas: Json): Json => ({
  summary: description,
  parameters: [
    header('webhook-id', 'The id of the event, the same at each attempt: what was taken before can be passed over', true),
    header('webhook-timestamp', 'When this attempt was made, in seconds since 1970; refuse what is more than five minutes off', true),
    header('webhook-signature', '`v1,` and the base64 of the HMAC-SHA256 of `id.timestamp.body`; several are separated by spaces', true),
  ],
  requestBody: {
    required: true,
    content: {
      'application/json': {
        schema: {
          type: 'object',
          additionalProperties: false,
          required: ['type', 'timestamp', 'data'],
          properties: {
            type: { type: 'string', const: type },
            timestamp: { type: 'string', description: 'When it happened; RFC 3339, UTC, with milliseconds' },
            data: withSubject(hoist(schema, schemas) as Json),
          },
        },
      },
    },
  },
  responses: {
    '2XX': { description: 'It was taken' },
    410: { description: 'No more of these: the webhook is disabled' },
    default: { description: 'Any other answer, or none in time: it is sent again later' },
  },
})

/** The data of an event as receivers get it: with what it is about. */
const withSubject = (data: Json): Json => ({
  ...data,
  required: ['subject', ...((data.required ?? []) as string[])],
  properties: { subject: { type: 'string', description: 'What it is about, such as the id of a prompt' }, ...(data.properties as Json) },
})

const problem = (description: string): Json => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
})

const parameters = (schema: TObject | undefined, where: 'path' | 'query', schemas: Json): Json[] =>
  Object.entries(schema?.properties ?? {}).map(([name, property]) => {
    const { description, ...rest } = hoist(property, schemas) as { description?: string }
    return {
      name,
      in: where,
      required: where === 'path' || ((schema?.required ?? []) as string[]).includes(name),
      ...(description && { description }),
      schema: rest,
    }
  })

const header = (name: string, description: string, required = false): Json => ({
  name,
  in: 'header',
  required,
  description,
  schema: { type: 'string' },
})

const headerParameters = (e: AnyEndpoint): Json[] => [
  ...(changesState(e) ? [header('Idempotency-Key', 'The same key and request again within 24 h: the stored answer')] : []),
  ...(e.awaited ? [header('Prefer', 'wait=N: wait up to N seconds, at most 30, for the work to be done')] : []),
  ...(e.replyType === eventStreamType ? [header('Last-Event-ID', 'The id of the last event that was received: go on after it')] : []),
]

/** Plain JSON of a schema, with every part that has a `$id` moved to the components and referred to; a field may describe it in its own words. */
function hoist(schema: TSchema, schemas: Json): unknown {
  const copy = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(copy)
    if (typeof value !== 'object' || value === null) return value
    const { $id, ...rest } = value as Json
    const plain = Object.fromEntries(Object.entries(rest).map(([key, child]) => [key, copy(child)]))
    if (typeof $id !== 'string') return typeof $id === 'object' ? { $id: copy($id), ...plain } : plain
    schemas[$id] ??= plain
    const shared = schemas[$id] as Json
    const more = plain.description === shared.description ? {} : { description: plain.description }
    return { $ref: `#/components/schemas/${$id}`, ...more }
  }
  return copy(schema)
}
