import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { describe, expect, test } from 'vitest'
import { bootstrapKey, clientOf, startTestApp } from '../../testing/index.ts'
import { aPrompt, aVersion, freshName, servePath, sharedApp, verdict } from './testing/prompt-kit.ts'

const t = sharedApp()
const get = (path: string, headers?: Record<string, string>) => t().owner('GET', path, undefined, headers)
const query = (values: Record<string, unknown>) =>
  new URLSearchParams(Object.entries(values).map(([name, value]): [string, string] => [`var.${name}`, String(value)])).toString()
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe('a prompt is served by name', () => {
  test('under production, another label, or as a pinned version, and says so in headers and body', async () => {
    const made = await aPrompt(t().owner, { content: 'one', tags: ['t'], metadata: { m: 1 }, description: 'd' })
    const two = await aVersion(t().owner, made, 'two')
    await t().owner('PUT', `/prompts/${made.id}/labels/beta`, { version: 2 })
    const expected = [
      ['', 1, made.checksum, 'production', 'private, max-age=0, stale-if-error=3600'],
      ['label=production', 1, made.checksum, 'production', 'private, max-age=0, stale-if-error=3600'],
      ['label=beta', 2, two.checksum, 'beta', 'private, max-age=0, stale-if-error=3600'],
      ['version=2', 2, two.checksum, null, 'private, immutable'],
    ] as const
    for (const [which, version, checksum, label, cacheControl] of expected) {
      // The first call loads, the second is answered from the cache: both say the same.
      for (const answer of [await get(servePath(made, which)), await get(servePath(made, which))]) {
        expect(answer.body).toMatchObject({
          id: made.id,
          version,
          checksum,
          label,
          status: 'draft',
          tags: ['t'],
          metadata: { m: 1 },
          description: 'd',
          includes: [],
        })
        const header = (name: string) => answer.headers.get(name)
        expect([header('x-prompt-version'), header('x-prompt-checksum'), header('x-prompt-label')]).toEqual([
          String(version),
          checksum,
          label,
        ])
        expect([header('cache-control'), header('content-type')]).toEqual([cacheControl, 'application/json; charset=utf-8'])
        const tagged = await get(servePath(made, which), { 'if-none-match': header('etag')! })
        expect([tagged.status, tagged.text, tagged.headers.get('etag')]).toEqual([304, '', header('etag')])
      }
    }
  })

  test('never as something else than was asked for', async () => {
    const made = await aPrompt(t().owner, { labels: ['staging'] })
    expect(verdict(await get(servePath(made)))).toEqual([404, 'label.not_found'])
    expect(verdict(await get(servePath(made, 'label=beta')))).toEqual([404, 'label.not_found'])
    expect(verdict(await get(servePath(made, 'version=2')))).toEqual([404, 'version.not_found'])
    expect(verdict(await get(servePath(made, 'version=1&label=staging')))).toEqual([400, 'request.invalid'])
    expect(verdict(await get(servePath(made, 'lable=staging')))).toEqual([400, 'request.invalid'])
    expect(verdict(await get(servePath(made, 'label=Staging')))).toEqual([400, 'request.invalid'])
    expect(verdict(await get(servePath({ category: 'tests', name: 'nobody' })))).toEqual([404, 'prompt.not_found'])
    expect(verdict(await get(servePath({ category: 'tests', name: 'n'.repeat(1000) })))).toEqual([404, 'prompt.not_found'])
    expect(verdict(await get('/prompts/search/tests/%E0%A4%A'))).toEqual([400, 'request.malformed'])
    expect(verdict(await t().anonymous('GET', servePath(made)))).toEqual([401, 'auth.required'])
    const writer = await t().as('prompts:write')
    expect(verdict(await writer('GET', servePath(made, 'label=staging')))).toEqual([403, 'auth.forbidden'])
    const stranger = await t().stranger()
    expect(verdict(await stranger('GET', servePath(made, 'label=staging')))).toEqual([404, 'prompt.not_found'])
  })

  test('as soon as it, its label or its version appears, also after it was asked for in vain', async () => {
    const name = freshName('late')
    const path = (which = '') => servePath({ category: 'tests', name }, which)
    const missing = async () =>
      (await Promise.all(['', 'label=beta', 'version=2'].map((which) => get(path(which))))).map(({ body }) => body.code ?? body.version)
    expect(await missing()).toEqual(['prompt.not_found', 'prompt.not_found', 'prompt.not_found'])
    const made = await aPrompt(t().owner, { name, labels: [] })
    expect(await missing()).toEqual(['label.not_found', 'label.not_found', 'version.not_found'])
    await aVersion(t().owner, made, 'two')
    expect(await missing()).toEqual(['label.not_found', 'label.not_found', 2])
    await t().owner('PUT', `/prompts/${made.id}/labels/beta`, { version: 2 })
    expect(await missing()).toEqual(['label.not_found', 2, 2])
    await t().owner('DELETE', `/prompts/${made.id}`)
    expect(await missing()).toEqual(['prompt.not_found', 'prompt.not_found', 'prompt.not_found'])
    await t().owner('POST', `/prompts/${made.id}/restore`)
    expect(await missing()).toEqual(['label.not_found', 2, 2])
  })
})

describe('variables', () => {
  const variables = [
    { name: 's' },
    { name: 'i', type: 'integer' },
    { name: 'n', type: 'number' },
    { name: 'b', type: 'boolean' },
    { name: 'l', type: 'array' },
    { name: 'o', type: 'object' },
    { name: 'a', type: 'any' },
    { name: 'd', type: 'string', default: 'D', enum: ['D', 'E'] },
  ]
  const content = '{{s}}|{{i}}|{{n}}|{{#b}}yes{{/b}}{{^b}}no{{/b}}|{{#l}}{{.}};{{/l}}|{{o.k}}|{{a}}|{{d}}'
  const values = { s: '5', i: '-7', n: '1.5e3', b: 'true', l: '["x",2]', o: '{"k":"v"}', a: '[1]' }

  test('in the address are read by their declared type', async () => {
    const made = await aPrompt(t().owner, { content, variables })
    const { body, headers } = await get(servePath(made, query(values)))
    expect(body.rendered).toBe('5|-7|1500|yes|x;2;|v|[1]|D')
    expect(body.renderedChecksum).toBe(sha256(body.rendered))
    expect(body.content).toBe(content)
    expect(headers.get('x-prompt-version')).toBe('1')
    expect((await get(servePath(made, query({ ...values, b: 'false', l: '[]', a: 'text', d: 'E' })))).body.rendered).toBe(
      '5|-7|1500|no||v|text|E',
    )
    const again = await get(servePath(made, query(values)), { 'if-none-match': headers.get('etag')! })
    expect([again.status, again.text]).toEqual([304, ''])
  })

  test('that are missing or of a wrong type are named, each', async () => {
    const made = await aPrompt(t().owner, { content, variables })
    const answer = await get(servePath(made, query({ s: 'x', i: '1.5', n: '0x10', b: 'maybe', l: '{}', o: '[', d: 'F' })))
    expect(verdict(answer)).toEqual([422, 'variables.invalid'])
    expect(answer.body.errors.map(({ pointer, code }: Record<string, string>) => [pointer, code])).toEqual([
      ...['i', 'n', 'b', 'l', 'o'].map((name) => [`/variables/${name}`, 'variable.wrong']),
      ['/variables/a', 'variable.missing'],
      ['/variables/d', 'variable.wrong'],
    ])
    expect(verdict(await get(servePath(made, 'var.s=1&var.s=2')))).toEqual([400, 'request.invalid'])
  })

  test('are data: what they hold is not filled again', async () => {
    const made = await aPrompt(t().owner, { content: '{{a}}{{b}}' })
    expect((await get(servePath(made, query({ a: '{{b}} {{> x/y}} <&>', b: '{{a}}' })))).body.rendered).toBe('{{b}} {{> x/y}} <&>{{a}}')
  })

  test('may have names of the prototype, which reach nothing but their values', async () => {
    const content = '[{{constructor}}|{{toString}}|{{x.constructor.name}}|{{x.__proto__.polluted}}|{{hasOwnProperty}}]'
    const made = await aPrompt(t().owner, {
      content,
      variables: [
        { name: 'x', type: 'object' },
        ...['constructor', 'toString', 'hasOwnProperty'].map((name) => ({ name, required: false })),
      ],
    })
    const fill = (body: string) => t().owner('POST', `/prompts/${made.id}/render`, body)
    expect((await fill('{"variables":{"x":{}}}')).body.text).toBe('[||||]')
    expect((await fill('{"variables":{"x":{"__proto__":{"polluted":"no"}},"constructor":"C","toString":"T"}}')).body.text).toBe(
      '[C|T||no|]',
    )
    expect((await get(servePath(made, query({ x: '{}', constructor: 'C', __proto__: 'P' })))).body.rendered).toBe('[C||||]')
    const asked = await aPrompt(t().owner, { content: '{{__proto__}}.' })
    expect(asked.variables).toEqual([{ name: '__proto__', type: 'string', required: true }])
    expect(verdict(await fill('{"variables":{"x":{}},"strict":true}'))).toEqual([200])
    expect(verdict(await t().owner('POST', `/prompts/${asked.id}/render`, '{"variables":{}}'))).toEqual([422, 'variables.invalid'])
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})

describe('POST resolve', () => {
  test('answers what GET answers', async () => {
    const made = await aPrompt(t().owner, { content: '{{s}} {{n}}', variables: [{ name: 'n', type: 'integer' }] })
    const told = ({ status, headers, text }: { status: number; headers: Headers; text: string }) => [
      status,
      text,
      ...['etag', 'cache-control', 'x-prompt-version', 'x-prompt-checksum', 'x-prompt-label'].map((name) => headers.get(name)),
    ]
    const { category, name } = made
    const pairs: [string, Record<string, unknown>][] = [
      ['', {}],
      ['version=1', { version: 1 }],
      ['label=production&unitId=u1', { label: 'production', unitId: 'u1', attributes: { plan: 'x' } }],
      ['var.s=a&var.n=2', { variables: { s: 'a', n: 2 } }],
    ]
    for (const [asked, body] of pairs)
      expect(told(await t().owner('POST', '/prompts/resolve', { category, name, ...body }))).toEqual(
        told(await get(servePath(made, asked))),
      )
    expect(verdict(await t().owner('POST', '/prompts/resolve', { category, name, variables: { s: 'a', n: '2' } }))).toEqual([
      422,
      'variables.invalid',
    ])
    expect(verdict(await t().owner('POST', '/prompts/resolve', { category, name, label: 'x', version: 1 }))).toEqual([
      400,
      'request.invalid',
    ])
    expect(verdict(await t().owner('POST', '/prompts/resolve', { category, name, label: 'x' }))).toEqual([404, 'label.not_found'])
  })
})

describe('render', () => {
  const render = (id: string, body: unknown) => t().owner('POST', `/prompts/${id}/render`, body)

  test('gives text, tokens, what was not used, and the model', async () => {
    const { id, checksum } = await aPrompt(t().owner, { content: 'Hello {{name}}', config: { model: 'some-model' } })
    await aVersion(t().owner, { id }, 'Bye {{name}}')
    const { body } = await render(id, { variables: { name: 'Ada', more: 1 } })
    expect(body).toEqual({
      text: 'Hello Ada',
      version: 1,
      label: 'production',
      checksum,
      renderedChecksum: sha256('Hello Ada'),
      tokens: 2,
      unused: ['more'],
      model: 'some-model',
      includes: [],
    })
    expect((await render(id, { version: 2, variables: { name: 'Ada' } })).body).toMatchObject({ text: 'Bye Ada', version: 2, label: null })
    const strict = await render(id, { variables: { more: 1 }, strict: true })
    expect(strict.body.errors.map(({ code }: { code: string }) => code)).toEqual(['variable.missing', 'variable.unknown'])
    expect(verdict(await render(id, { label: 'nope' }))).toEqual([404, 'label.not_found'])
    expect(verdict(await render(id, { version: 1, label: 'production' }))).toEqual([400, 'request.invalid'])
  })

  test('puts messages in place of placeholders, and refuses what is none', async () => {
    const content = [
      { role: 'system', content: 'Help {{who}}' },
      { placeholder: 'history' },
      { role: 'user', parts: [{ type: 'text', text: '{{who}}?' }, { type: 'audio' }] },
    ]
    const { id, category, name } = await aPrompt(t().owner, { content })
    const history = [
      { role: 'user', content: '{{who}}' },
      { role: 'assistant', parts: [{ type: 'text', text: 'x' }], toolCalls: [{ id: '1' }] },
    ]
    const filled = [
      { role: 'system', content: 'Help Ada' },
      ...history,
      { role: 'user', parts: [{ type: 'text', text: 'Ada?' }, { type: 'audio' }] },
    ]
    const { body } = await render(id, { variables: { who: 'Ada', history } })
    expect([body.messages, body.unused, body.renderedChecksum]).toEqual([filled, [], sha256(canonicalize(filled)!)])
    expect((await get(servePath({ category, name }, query({ who: 'Ada', history: JSON.stringify(history) })))).body.rendered).toEqual(
      filled,
    )
    expect((await render(id, { variables: { who: 'Ada' } })).body.messages).toHaveLength(2)
    for (const wrong of ['text', [{ role: 'user' }], ['x'], [null], [{ placeholder: 'again' }], [{ role: 'user', content: 'x', extra: 1 }]])
      expect(verdict(await render(id, { variables: { who: 'x', history: wrong } })), JSON.stringify(wrong)).toEqual([
        422,
        'variables.invalid',
      ])
  })
})

describe('batch-get', () => {
  test('answers in order, each item with its prompt or its problem', async () => {
    const [one, two] = [await aPrompt(t().owner, { content: 'one' }), await aPrompt(t().owner, { content: 'two', labels: ['beta'] })]
    const items = [
      { id: two.id, version: 1 },
      { category: one.category, name: one.name },
      { id: one.id, label: 'nope' },
      { category: 'tests', name: 'nobody' },
      { id: two.id, label: 'beta' },
      { id: two.id, label: 'beta', version: 1 },
      { id: one.id, name: one.name },
      { name: one.name },
      { id: one.id },
    ]
    const { status, body } = await t().owner('POST', '/prompts/batch-get', { items })
    expect(status).toBe(200)
    expect(body.items.map((item: { content: string } | null) => item?.content ?? null)).toEqual([
      'two',
      'one',
      null,
      null,
      'two',
      null,
      null,
      null,
      'one',
    ])
    expect(body.items[1]).toEqual((await get(servePath(one))).body)
    expect(body.errors.map(({ index, problem }: { index: number; problem: { code: string } }) => [index, problem.code])).toEqual([
      [2, 'label.not_found'],
      [3, 'prompt.not_found'],
      [5, 'request.invalid'],
      [6, 'request.invalid'],
      [7, 'request.invalid'],
    ])
  })

  test('takes 200 items and no more', async () => {
    const { id } = await aPrompt(t().owner)
    const items = (n: number) => ({ items: Array.from({ length: n }, () => ({ id })) })
    expect((await t().owner('POST', '/prompts/batch-get', items(200))).body.items).toHaveLength(200)
    expect(verdict(await t().owner('POST', '/prompts/batch-get', items(201)))).toEqual([400, 'request.invalid'])
    expect(verdict(await t().owner('POST', '/prompts/batch-get', items(0)))).toEqual([400, 'request.invalid'])
  })
})

test('with includes the content is also given written out, and filling that gives what rendered gives', async () => {
  const part = await aPrompt(t().owner, { content: '- {{item}} for {{who}}\n- always\n', variables: [{ name: 'who', default: 'all' }] })
  const whole = await aPrompt(t().owner, { content: `List:\n{{#items}}\n  {{> ${part.category}/${part.name}}}\n{{/items}}\nEnd` })
  const { body } = await get(servePath(whole))
  expect(body.content).toBe(whole.content)
  expect(body.resolvedContent).toBe('List:\n{{#items}}\n  - {{item}} for {{who}}\n  - always\n{{/items}}\nEnd')
  const values = { items: [{ item: 'a\nb' }, { item: 'c', who: 'me' }] }
  const rendered = (
    await t().owner('POST', '/prompts/resolve', { category: whole.category, name: whole.name, variables: { ...values, item: '' } })
  ).body.rendered
  const alone = await aPrompt(t().owner, { content: body.resolvedContent, variables: body.resolvedVariables })
  expect((await t().owner('POST', `/prompts/${alone.id}/render`, { variables: { ...values, item: '' } })).body.text).toBe(rendered)
  expect(rendered).toBe('List:\n  - a\nb for all\n  - always\n  - c for me\n  - always\nEnd')
  expect((await get(servePath(part))).body).not.toHaveProperty('resolvedContent')
})

test('who sends the consistency token of a write to another instance sees that write', async () => {
  const other = await startTestApp({ database: t().database })
  try {
    const made = await aPrompt(t().owner, { content: 'one' })
    const there = clientOf(other.url, bootstrapKey)
    for (let version = 2; version < 12; version++) {
      await aVersion(t().owner, made, `text ${version}`)
      const moved = await t().owner('PUT', `/prompts/${made.id}/labels/production`, { version })
      const token = moved.headers.get('x-consistency-token')!
      expect((await there('GET', servePath(made), undefined, { 'x-consistency-token': token })).body.version).toBe(version)
    }
  } finally {
    await other.stop()
  }
})
