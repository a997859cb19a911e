import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { TestApp } from '../testing/index.ts'
import type { ListedEvent } from './events.ts'

// Types are declared where they are loaded: those of other tests of this process are left behind.
vi.resetModules()
const { startTestApp } = await import('../testing/index.ts')
const { declaredEventTypes } = await import('./events.ts')
const { eventTypesOf } = await import('./module.ts')

let t: TestApp
let listed: readonly ListedEvent[]
beforeAll(async () => {
  t = await startTestApp()
  listed = eventTypesOf(t.app.modules)
})
afterAll(() => t.stop())

const source = join(import.meta.dirname, '..')
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.includes('testing'),
)
const matches = (form: RegExp) =>
  files.flatMap((file) => [...readFileSync(join(source, file), 'utf8').matchAll(form)].map((found) => found[1]!))

describe('the types of events', () => {
  test('that are declared anywhere are those that modules list, each once', () => {
    const names = listed.map(({ type }) => type)
    expect(names.length).toBeGreaterThan(35)
    expect(
      declaredEventTypes()
        .map(({ type }) => type)
        .sort(),
    ).toEqual(names)
    expect(new Set(names).size).toBe(names.length)
  })

  test('that the sources name in an event of their own are among them', () => {
    const known = new Set(listed.map(({ type }) => type))
    const written = matches(/\btype: '([a-z_]+\.[a-z_]+)', subject/g)
    expect(written).toContain('prompt.restored')
    expect(written.filter((type) => !known.has(type))).toEqual([])
    expect(matches(/eventType\(\s*'([^']+)'/g).filter((type) => !known.has(type))).toEqual([])
  })

  test('are called context.happened, in the past tense, and say what has happened', () => {
    const isPast = (type: string) => /^[a-z][a-z_]*\.([a-z]+_)*([a-z]+ed|withdrawn|begun|gone|broken|sent|ran)$/.test(type)
    expect(listed.filter(({ type }) => !isPast(type)).map(({ type }) => type)).toEqual([])
    expect(listed.filter(({ description }) => !/^[A-Z].{10,160}[^.]$/.test(description)).map(({ type }) => type)).toEqual([])
  })

  test('have schemas of objects that refuse unknown fields, and that any reader of JSON Schema understands', () => {
    const ajv = new Ajv2020({ strict: false })
    for (const { type, schema } of listed) {
      expect([type, schema]).toEqual([type, expect.objectContaining({ type: 'object', additionalProperties: false })])
      expect(() => ajv.compile(JSON.parse(JSON.stringify(schema))), type).not.toThrow()
    }
  })

  test('concern a prompt and name its category, or no prompt, or are told to those alone who see all', () => {
    const has = ({ schema }: ListedEvent, field: string) => field in ((schema as { properties?: object }).properties ?? {})
    const blind = listed.filter((one) => !one.promptless && !has(one, 'category')).map(({ type }) => type)
    expect(blind).toEqual([
      'cache.invalidated',
      'document.linked',
      'document.unlinked',
      'policy.changed',
      'policy.removed',
      'relationship.created',
      'relationship.deleted',
      'relationship.updated',
    ])
    expect(listed.filter((one) => one.promptless && has(one, 'category')).map(({ type }) => type)).toEqual([])
  })

  test('stand in the OpenAPI document as webhooks, with what a receiver is sent', async () => {
    const { body } = await t.anonymous('GET', '//openapi.json')
    expect(Object.keys(body.webhooks)).toEqual(listed.map(({ type }) => type))
    const { post } = body.webhooks['prompt.created']
    expect(post.parameters.map(({ name, required }: { name: string; required: boolean }) => [name, required])).toEqual([
      ['webhook-id', true],
      ['webhook-timestamp', true],
      ['webhook-signature', true],
    ])
    expect(post.requestBody.content['application/json'].schema).toMatchObject({
      required: ['type', 'timestamp', 'data'],
      properties: { type: { const: 'prompt.created' }, data: { required: ['subject', 'category', 'name', 'version'] } },
    })
  })
})
