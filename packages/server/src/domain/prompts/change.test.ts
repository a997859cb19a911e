import { describe, expect, test } from 'vitest'
import type { Prompt } from './model/shapes.ts'
import { aPrompt, aVersion, freshName, servePath, sharedApp, verdict } from './testing/prompt-kit.ts'

const t = sharedApp()
const put = (id: string, body: unknown, headers?: Record<string, string>) => t().owner('PUT', `/prompts/${id}`, body, headers)
const read = async (id: string): Promise<Prompt> => (await t().owner('GET', `/prompts/${id}`)).body
const rich = { tags: ['a'], metadata: { k: { b: 1, a: 2 } }, description: 'd', isTemplate: true, config: { model: 'm' } }

describe('PUT merges', () => {
  test('what is absent stays, what is null is cleared', async () => {
    const { id, name } = await aPrompt(t().owner, rich)
    const one = (await put(id, { description: 'other' })).body
    expect(one).toMatchObject({ ...rich, description: 'other', version: 1, revision: 2 })
    const nulls = { description: null, tags: null, metadata: null, isTemplate: null, config: null, category: null, variables: null }
    const cleared = (await put(id, nulls)).body
    expect(cleared).toMatchObject({
      name,
      description: '',
      tags: [],
      metadata: {},
      isTemplate: false,
      config: {},
      category: 'general',
      version: 2,
      revision: 3,
    })
    expect(await read(id)).toEqual(cleared)
    for (const field of ['name', 'content']) expect(verdict(await put(id, { [field]: null }))).toEqual([400, 'request.invalid'])
  })

  test('what was read can be sent back, edited, in any order of keys; the same makes neither a version nor an event', async () => {
    const { id } = await aPrompt(t().owner, rich)
    const seen = await read(id)
    const same = await put(id, { ...seen, metadata: { k: { a: 2, b: 1 } }, tags: ['a', 'a'] })
    expect([same.status, same.body.version, same.body.revision]).toEqual([200, 1, 1])
    const edited = await put(id, { ...seen, content: 'Bye {{name}}', changeSummary: 'shorter' })
    expect([edited.status, edited.body.version, edited.body.labels]).toEqual([200, 2, { production: 1 }])
    expect((await t().owner('GET', `/prompts/${id}/versions/2`)).body).toMatchObject({ changeSummary: 'shorter', changeType: 'update' })
  })

  test('what was read before somebody else changed the prompt can be sent back too', async () => {
    const { id } = await aPrompt(t().owner)
    const seen = await read(id)
    await aVersion(t().owner, { id }, 'by somebody else')
    await t().owner('PUT', `/prompts/${id}/labels/staging`, { version: 2 })
    const late = await put(id, { ...seen, description: 'late' })
    expect([late.status, late.body.version, late.body.description, late.body.labels]).toEqual([
      200,
      3,
      'late',
      { production: 1, staging: 2 },
    ])
  })

  test('an earlier version that was read, edited and sent back becomes the newest', async () => {
    const { id } = await aPrompt(t().owner, { content: 'one' })
    await aVersion(t().owner, { id }, 'two')
    const seen = (await t().owner('GET', `/prompts/${id}?version=1`)).body
    const sent = await put(id, { ...seen, content: 'one and a half' })
    expect([sent.status, sent.body.version, sent.body.content]).toEqual([200, 3, 'one and a half'])
  })

  test.each<[string, unknown]>([
    ['id', '01900000-0000-7000-8000-000000000000'],
    ['status', 'published'],
    ['labels', { production: 2 }],
    ['version', 7],
    ['checksum', 'x'],
    ['parent', { promptId: '01900000-0000-7000-8000-000000000000', version: 1 }],
    ['createdBy', 'me'],
    ['createdAt', '2001-01-01T00:00:00.000Z'],
    ['updatedAt', '2001-01-01T00:00:00.000Z'],
    ['revision', 9],
  ])('%s cannot be changed', async (field, value) => {
    const { id } = await aPrompt(t().owner)
    for (const body of [{ ...(await read(id)), description: 'x', [field]: value }, { [field]: value }]) {
      const answer = await put(id, body)
      expect(verdict(answer)).toEqual([422, 'field.read_only'])
      expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([`/${field}`])
    }
    expect((await read(id)).revision).toBe(1)
  })

  test.each<[string, Record<string, unknown>]>([
    ['content', { content: 'x {{name}}' }],
    ['variables', { variables: [{ name: 'name', type: 'any' }] }],
    ['engine', { engine: 'none' }],
    ['config', { config: { temperature: 0 } }],
  ])('another %s makes a version', async (_field, change) => {
    const before = await aPrompt(t().owner)
    const { version, checksum } = (await put(before.id, change)).body
    expect(version).toBe(2)
    expect(checksum).not.toBe(before.checksum)
  })

  test('text may become a chat, and none the engine that was found', async () => {
    const { id } = await aPrompt(t().owner, { content: 'a {{b}}', engine: 'none' })
    expect((await put(id, { engine: null })).body).toMatchObject({ engine: 'mustache', variables: [{ name: 'b' }] })
    expect((await put(id, { content: [{ role: 'user', content: 'a {{b}}' }] })).body).toMatchObject({ type: 'chat', version: 3 })
    expect(verdict(await put(id, { type: 'text' }))).toEqual([422, 'prompt.content_invalid'])
    expect((await put(id, { content: '{{#if a}}' })).body).toMatchObject({
      type: 'text',
      engine: 'none',
      warnings: [{ code: 'template.stored_as_none' }],
    })
  })
})

describe('variables follow the content', () => {
  test('what was declared stays, what was only derived goes and comes with its use', async () => {
    const declared = { name: 'kept', type: 'string', description: 'why', required: true }
    const made = await aPrompt(t().owner, { content: '{{old}} {{both}}', variables: [declared] })
    const { variables } = await aVersion(t().owner, made, '{{#both}}{{new}}{{/both}}')
    expect(variables).toEqual([declared, { name: 'both', type: 'any', required: true }, { name: 'new', type: 'any', required: false }])
    const roundTrip = await put(made.id, { ...(await read(made.id)), content: 'nothing' })
    expect(roundTrip.body.variables).toEqual([declared])
    const replaced = await t().owner('PUT', `/prompts/${made.id}/content`, { content: '{{x}}', variables: [{ name: 'y' }] })
    expect(replaced.body.variables.map(({ name }: { name: string }) => name)).toEqual(['y', 'x'])
  })

  test('the same content again makes no version, whatever was declared', async () => {
    const made = await aPrompt(t().owner, { content: '{{a}}{{b}}', variables: [{ name: 'b' }, { name: 'a', description: 'x' }] })
    expect((await aVersion(t().owner, made, '{{a}}{{b}}')).version).toBe(1)
  })
})

describe('If-Match', () => {
  test('lets the newest revision through and stops others', async () => {
    const { id } = await aPrompt(t().owner)
    expect((await put(id, { description: 'a' }, { 'if-match': '"1"' })).headers.get('etag')).toBe('"2"')
    for (const call of [
      () => put(id, { description: 'b' }, { 'if-match': '"1"' }),
      () => t().owner('PUT', `/prompts/${id}/content`, { content: 'b' }, { 'if-match': '"1"' }),
      () => t().owner('DELETE', `/prompts/${id}`, undefined, { 'if-match': '"1"' }),
    ])
      expect(verdict(await call())).toEqual([412, 'precondition.failed'])
    expect((await put(id, { description: 'b' }, { 'if-match': '"7", "2"' })).status).toBe(200)
    expect((await t().owner('DELETE', `/prompts/${id}`, undefined, { 'if-match': '*' })).status).toBe(204)
  })
})

test('64 writers at once get the versions 2 to 65, and nobody fails', async () => {
  const { id } = await aPrompt(t().owner)
  const answers = await Promise.all(
    Array.from({ length: 64 }, (_, i) => t().owner('PUT', `/prompts/${id}/content`, { content: `by writer ${i}` })),
  )
  expect(answers.map(({ status }) => status)).toEqual(Array(64).fill(200))
  expect(answers.map(({ body }) => body.version).sort((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, i) => i + 2))
  const stored = (await t().owner('GET', `/prompts/${id}/versions?limit=100`)).body.items
  for (const { body } of answers) expect(stored.find((v: Prompt) => v.version === body.version).content).toBe(body.content)
})

describe('a rename', () => {
  const rename = (id: string, name: string) => put(id, { name })
  const servedId = async (name: string) => {
    const answer = await t().owner('GET', servePath({ category: 'tests', name }))
    return answer.status === 200 ? answer.body.id : answer.body.code
  }

  test('leaves the old name serving until somebody takes it', async () => {
    const [from, to] = [freshName(), freshName()]
    const { id } = await aPrompt(t().owner, { name: from })
    expect(await servedId(to)).toBe('prompt.not_found')
    expect((await rename(id, to)).body.name).toBe(to)
    expect([await servedId(from), await servedId(to)]).toEqual([id, id])
    const taker = await aPrompt(t().owner, { name: from })
    expect([await servedId(from), await servedId(to)]).toEqual([taker.id, id])
    await t().owner('DELETE', `/prompts/${taker.id}`)
    expect(await servedId(from)).toBe('prompt.not_found')
  })

  test('there and back leaves both names with the prompt', async () => {
    const [one, two] = [freshName(), freshName()]
    const { id } = await aPrompt(t().owner, { name: one })
    for (const name of [two, one]) expect((await rename(id, name)).status).toBe(200)
    expect([await servedId(one), await servedId(two)]).toEqual([id, id])
    await t().owner('DELETE', `/prompts/${id}`)
    expect([await servedId(one), await servedId(two)]).toEqual(['prompt.not_found', 'prompt.not_found'])
  })

  test('onto a former name takes it over, and onto a living one is refused', async () => {
    const [one, two, three] = [freshName(), freshName(), freshName()]
    const first = await aPrompt(t().owner, { name: one })
    const second = await aPrompt(t().owner, { name: two })
    expect(verdict(await rename(second.id, one))).toEqual([409, 'prompt.name_taken'])
    await rename(first.id, three)
    expect((await rename(second.id, one)).status).toBe(200)
    expect([await servedId(one), await servedId(two), await servedId(three)]).toEqual([second.id, second.id, first.id])
  })

  test('of many prompts at once to one name succeeds for one', async () => {
    const prompts = await Promise.all(Array.from({ length: 6 }, () => aPrompt(t().owner)))
    const wanted = freshName()
    const answers = await Promise.all(prompts.map(({ id }) => rename(id, wanted)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409])
  })

  test('into another category keeps the old address, and counts move', async () => {
    const { id, name } = await aPrompt(t().owner, { category: 'from here' })
    await put(id, { category: 'to/there' })
    for (const category of ['from here', 'to/there'])
      expect((await t().owner('GET', servePath({ category, name }))).body).toMatchObject({ id, category: 'to/there' })
  })
})
