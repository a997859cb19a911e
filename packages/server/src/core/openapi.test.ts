import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../testing/index.ts'
import { changesState, statusOf } from './endpoint.ts'
import { openApiDocument } from './openapi.ts'
import { endpointsOf } from './testing/walk.ts'

type Schema = Record<string, unknown>
type Parameter = { name: string; in: string; required: boolean; schema: Schema; description?: string }
type Operation = {
  operationId: string
  tags: string[]
  summary: string
  parameters: Parameter[]
  requestBody?: { required: boolean; content: Record<string, { schema: Schema }> }
  responses: Record<string, { description: string; content?: Record<string, { schema: Schema }> }>
}
type Document = {
  openapi: string
  info: { title: string; version: string }
  paths: Record<string, Record<string, Operation>>
  tags: { name: string }[]
  components: { schemas: Record<string, Schema>; securitySchemes: Record<string, Schema> }
}

let t: TestApp
let document: Document
let operations: { path: string; method: string; operation: Operation }[]
beforeAll(async () => {
  t = await startTestApp()
  document = (await t.anonymous('GET', '//openapi.json')).body
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
})
afterAll(() => t.stop())

/** All values below a value, with the key that each stands under. */
function* all(value: unknown, key = ''): Generator<[string, unknown]> {
  yield [key, value]
  if (typeof value === 'object' && value !== null) for (const [name, child] of Object.entries(value)) yield* all(child, name)
}

describe('the OpenAPI document', () => {
  test('is what the service answers, to everybody, and the same each time', async () => {
    const { status, headers, text } = await t.anonymous('GET', '//openapi.json')
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8'])
    expect(text).toBe(JSON.stringify(openApiDocument(t.app.modules, document.info.version)))
  })

  test('is OpenAPI 3.1 with the members that it must have', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/)
    expect(document.info).toEqual(expect.objectContaining({ title: expect.any(String), version: expect.stringMatching(/^\d+\.\d+\.\d+$/) }))
    expect(
      Object.keys(document).filter(
        (name) => !['openapi', 'info', 'servers', 'security', 'tags', 'paths', 'webhooks', 'components'].includes(name),
      ),
    ).toEqual([])
    const tags = document.tags.map(({ name }) => name)
    for (const { operation } of operations) expect(tags).toEqual(expect.arrayContaining(operation.tags))
    expect(document.components.securitySchemes.key).toEqual(expect.objectContaining({ type: 'http', scheme: 'bearer' }))
  })

  test('has every endpoint, and nothing else', () => {
    const declared = endpointsOf(t).map((e) => `${e.method.toLowerCase()} /api/v1${e.path.replace(/:([A-Za-z]+)/g, '{$1}')} ${e.name}`)
    expect(operations.map(({ path, method, operation }) => `${method} ${path} ${operation.operationId}`).sort()).toEqual(
      [...declared].sort(),
    )
  })

  test('has unique operation ids, and a parameter for each part of a path', () => {
    const ids = operations.map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { path, operation } of operations) {
      const names = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name)
      const inPath = operation.parameters.filter((p) => p.in === 'path')
      expect([operation.operationId, inPath.map(({ name }) => name).sort()]).toEqual([operation.operationId, names.sort()])
      expect(inPath.every(({ required }) => required)).toBe(true)
      const keys = operation.parameters.map((p) => `${p.in} ${p.name}`)
      expect(new Set(keys).size).toBe(keys.length)
    }
  })

  test('tells for each endpoint what it answers, its failures, whether it needs a body and takes an Idempotency-Key', () => {
    for (const e of endpointsOf(t)) {
      const { operation } = operations.find((one) => one.operation.operationId === e.name)!
      expect([e.name, Object.keys(operation.responses)]).toEqual([
        e.name,
        expect.arrayContaining([String(statusOf(e)), 'default', ...(e.errors ?? []).map(({ status }) => String(status))]),
      ])
      const told = Object.values(operation.responses)
        .map(({ description }) => description)
        .join()
      for (const { code } of e.errors ?? []) expect(told).toContain(code)
      const needed = ((e.body as { required?: string[] } | undefined)?.required ?? []).length > 0
      expect([e.name, operation.requestBody?.required]).toEqual([e.name, e.body ? needed : undefined])
      expect([e.name, operation.parameters.some(({ name }) => name === 'Idempotency-Key')]).toEqual([e.name, changesState(e)])
    }
  })

  test('refers only to what it holds, and holds only what is referred to', () => {
    const references = [...all(document)].filter(([key]) => key === '$ref').map(([, value]) => String(value))
    expect(references.length).toBeGreaterThan(50)
    const known = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`)
    expect([...new Set(references)].sort()).toEqual(known.sort())
    expect([...all(document)].filter(([key]) => key === '$id')).toEqual([])
  })

  test('has one shape per name: no two different schemas share an id, save for what a field says about it', () => {
    const shapes = new Map<string, string>()
    for (const e of endpointsOf(t))
      for (const [, value] of all([e.params, e.query, e.body, e.reply])) {
        const id = (value as { $id?: unknown } | null)?.$id
        if (typeof id !== 'string') continue
        const shape = JSON.stringify({ ...(value as object), description: undefined })
        expect([id, shapes.get(id) ?? shape]).toEqual([id, shape])
        shapes.set(id, shape)
      }
    expect([...shapes.keys()].filter((id) => !/^[A-Z][A-Za-z]+$/.test(id))).toEqual([])
  })

  test('has schemas of JSON Schema 2020-12, each of which can be compiled', () => {
    const ajv = new Ajv2020({ strict: false })
    addFormats.default(ajv)
    ajv.addSchema({ $id: 'https://test/', components: document.components })
    const absolute = (schema: unknown): object =>
      JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"https://test/#/components/'))
    const schemas = [...all(document.paths)].filter(([key]) => key === 'schema').map(([, schema]) => schema)
    expect(schemas.length).toBeGreaterThan(100)
    for (const schema of [...schemas, ...Object.values(document.components.schemas)]) {
      expect(ajv.validateSchema(schema as object), JSON.stringify(ajv.errors)).toBe(true)
      ajv.compile(absolute(schema))
    }
  })
})

describe('/docs', () => {
  test('is a page that needs nothing from other hosts', async () => {
    const page = await fetch(`${t.url}/docs`)
    const text = await page.text()
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')])
    expect(text).not.toMatch(/https?:\/\/|["'(]\/\/|@import/)
    expect(text).toContain('/openapi.json')
    const scripts = [...text.matchAll(/<script[^>]*src=["']([^"']+)/g)].map(([, src]) => src!)
    expect(scripts.length).toBeGreaterThan(0)
    for (const src of scripts) {
      const script = await fetch(new URL(src, page.url))
      expect([src, script.status, script.headers.get('content-type')]).toEqual([src, 200, expect.stringContaining('javascript')])
    }
  })

  test('lets the browser ask nobody else, whatever its script would like', async () => {
    const policy = (await fetch(`${t.url}/docs/`)).headers.get('content-security-policy')
    expect(policy).toMatch(/^default-src 'self'/)
    expect(policy).not.toMatch(/\*|https?:|\.\w/)
  })
})
