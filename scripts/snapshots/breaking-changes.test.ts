import { expect, test } from 'vitest'
import { breakingChanges } from './breaking-changes.ts'

type Schema = Record<string, unknown>
type Operation = { body?: Schema; reply?: Schema; parameters?: Schema[]; bodyRequired?: boolean }

const text: Schema = { type: 'string' }
const fields = (properties: Schema, required: string[] = []): Schema => ({ type: 'object', properties, required })

const documentOf = ({ body, reply, parameters = [], bodyRequired = true }: Operation, components: Schema = {}) => ({
  paths: {
    '/things': {
      post: {
        parameters,
        ...(body && { requestBody: { required: bodyRequired, content: { 'application/json': { schema: body } } } }),
        responses: { 201: { content: { 'application/json': { schema: reply ?? text } } } },
      },
    },
  },
  components: { schemas: components },
})
const between = (before: Operation, after: Operation) => breakingChanges(documentOf(before), documentOf(after))
const query = (name: string, schema: Schema, required = false) => ({ name, in: 'query', required, schema })

test('a document does not break itself', () => {
  const all = { body: fields({ a: text }, ['a']), reply: fields({ a: text }, ['a']), parameters: [query('q', text)] }
  expect(between(all, structuredClone(all))).toEqual([])
})

test('additions do not break: an operation, an optional input, a field of a reply, a looser input', () => {
  const before = documentOf({ body: fields({ a: { type: 'string', maxLength: 5, enum: ['x'] } }), reply: fields({ a: text }, ['a']) })
  const after = documentOf({
    body: fields({ a: { type: ['string', 'null'], maxLength: 9, enum: ['x', 'y', null] }, b: text }),
    reply: fields({ a: text, b: text }, ['a', 'b']),
    parameters: [query('q', text)],
  })
  Object.assign(after.paths, { '/more': { get: { responses: {} } } })
  expect(breakingChanges(before, after)).toEqual([])
})

test('a removed operation breaks', () => {
  expect(breakingChanges(documentOf({}), { paths: {} })).toEqual(['POST /things: the operation was removed'])
})

test.each<[string, Operation, Operation, string]>([
  ['a removed field of a reply', { reply: fields({ a: text }) }, { reply: fields({}) }, "the reply's field a was removed"],
  [
    'a field of a reply that may be missing',
    { reply: fields({ a: text }, ['a']) },
    { reply: fields({ a: text }) },
    "the reply's field a may be missing now",
  ],
  [
    'a field of a reply that may be null',
    { reply: fields({ a: text }) },
    { reply: fields({ a: { type: ['string', 'null'] } }) },
    "the reply's field a may be null now",
  ],
  [
    'a removed field deep in a list',
    { reply: fields({ items: { type: 'array', items: fields({ id: text }) } }) },
    { reply: fields({ items: { type: 'array', items: fields({}) } }) },
    "the reply's field items[].id was removed",
  ],
  [
    'an alternative more in a reply',
    { reply: { anyOf: [text, { type: 'null' }] } },
    { reply: { anyOf: [text, { type: 'null' }, fields({})] } },
    "the reply's field (whole) has gained an alternative of anyOf",
  ],
  ['a new required field', { body: fields({}) }, { body: fields({ a: text }, ['a']) }, "the body's field a is required now"],
  [
    'a field that became required',
    { body: fields({ a: text }) },
    { body: fields({ a: text }, ['a']) },
    "the body's field a is required now",
  ],
  ['a removed field of the body', { body: fields({ a: text }) }, { body: fields({}) }, "the body's field a was removed"],
  ['a body that became required', { body: text, bodyRequired: false }, { body: text }, 'a body is required now'],
  ['a body where there was none', {}, { body: text }, 'a body is required now'],
  ['a new required parameter', {}, { parameters: [query('q', text, true)] }, 'the parameter q is required now'],
  ['a removed parameter', { parameters: [query('q', text)] }, {}, 'the parameter q was removed'],
  [
    'a narrowed type',
    { body: fields({ a: { type: ['string', 'null'] } }) },
    { body: fields({ a: text }) },
    "the body's field a takes no null any more",
  ],
  [
    'a value less',
    { parameters: [query('q', { enum: ['x', 'y'] })] },
    { parameters: [query('q', { enum: ['x'] })] },
    'the parameter field q was narrowed: fewer values',
  ],
  [
    'a tighter bound',
    { body: { type: 'string', maxLength: 9 } },
    { body: { type: 'string', maxLength: 8 } },
    "the body's field (whole) was narrowed: maxLength",
  ],
  ['a new bound', { body: { type: 'number' } }, { body: { type: 'number', minimum: 0 } }, "the body's field (whole) was narrowed: minimum"],
  ['a new pattern', { body: text }, { body: { type: 'string', pattern: '^a' } }, "the body's field (whole) was narrowed: pattern"],
  [
    'an alternative less',
    { body: { anyOf: [text, { type: 'null' }, fields({})] } },
    { body: { anyOf: [text, fields({})] } },
    "the body's field (whole) has lost an alternative of anyOf",
  ],
])('%s breaks', (_what, before, after, line) => {
  expect(between(before, after)).toEqual([`POST /things: ${line}`])
})

test('a removed reply breaks', () => {
  const after = documentOf({})
  Object.assign(after.paths['/things'].post, { responses: { 200: { content: {} } } })
  expect(breakingChanges(documentOf({}), after)).toEqual(['POST /things: the reply 201 was removed'])
})

test('references are followed, in each document its own, and circles end', () => {
  const reply = { $ref: '#/components/schemas/Node' }
  const node = (more: Schema) => ({ Node: fields({ child: reply, ...more }) })
  expect(breakingChanges(documentOf({ reply }, node({ name: text })), documentOf({ reply }, node({})))).toEqual([
    "POST /things: the reply's field name was removed",
  ])
  expect(breakingChanges(documentOf({ reply }, node({})), documentOf({ reply }, node({ name: text })))).toEqual([])
})
