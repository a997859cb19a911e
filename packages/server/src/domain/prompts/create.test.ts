import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { describe, expect, test } from 'vitest'
import { realPrompts } from './model/templates/testing/real-prompts.ts'
import { aPrompt, freshName, servePath, sharedApp, verdict } from './testing/prompt-kit.ts'

const t = sharedApp()
const create = (fields: Record<string, unknown>) => t().owner('POST', '/prompts', { category: 'create', ...fields })
const kib = 1024

describe('a prompt is created', () => {
  test('from its content alone: category general, a derived name, version 1 under production', async () => {
    const { status, body, headers } = await t().owner('POST', '/prompts', { content: '# Summarise **this** for {{reader}}\nplease' })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      ...{
        category: 'general',
        name: 'Summarise this for',
        description: '',
        type: 'text',
        engine: 'mustache',
        config: {},
        tags: [],
        metadata: {},
      },
      ...{ isTemplate: false, status: 'draft', labels: { production: 1 }, version: 1, revision: 1, parent: null, createdBy: 'bootstrap' },
      variables: [{ name: 'reader', type: 'string', required: true }],
    })
    expect(headers.get('location')).toBe(`/api/v1/prompts/${body.id}`)
    expect(headers.get('etag')).toBe('"1"')
    expect(body.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect((await t().owner('GET', headers.get('location')!.replace('/api/v1', ''))).body).toEqual(body)
  })

  test('with a checksum over the RFC 8785 form of what it does', async () => {
    const { type, engine, content, variables, config, checksum } = await aPrompt(t().owner, {
      config: { z: 1, a: [true, null, 1.5], ü: 'é' },
    })
    const canonical = canonicalize({ type, engine, content, variables, config })!
    expect(checksum).toBe(createHash('sha256').update(canonical).digest('hex'))
  })

  test('32 times at once from one content, and each gets a name of its own', async () => {
    const answers = await Promise.all(Array.from({ length: 32 }, () => create({ content: 'The very same words' })))
    expect(answers.map(({ status }) => status)).toEqual(Array(32).fill(201))
    const names = new Set(answers.map(({ body }) => body.name))
    expect(names.size).toBe(32)
    expect(names).toContain('The very same words')
    expect(names).toContain('The very same words 2')
  })

  test('under a name that is taken only once, also by many at once', async () => {
    const name = freshName('wanted')
    const answers = await Promise.all(Array.from({ length: 8 }, () => create({ content: 'x', name })))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(answers.filter((answer) => answer.status === 409 && answer.body.code === 'prompt.name_taken')).toHaveLength(7)
  })

  test.each([
    ['none', [], {}],
    ['a list', ['staging', 'v1.x', 'staging'], { staging: 1, 'v1.x': 1 }],
    ['an object', { production: 1, constructor: 1 }, { production: 1, constructor: 1 }],
  ])('with labels as %s', async (_name, labels, expected) => {
    expect((await aPrompt(t().owner, { labels })).labels).toEqual(expected)
  })

  test('with the variables that its content uses and nobody declared', async () => {
    const content = '{{plain}} {{#list}}{{item}}{{/list}} {{user.name}} {{told}} {{^none}}x{{/none}}'
    const variables = [{ name: 'told', type: 'integer', description: 'a number', default: 3 }, { name: 'extra' }]
    expect((await aPrompt(t().owner, { content, variables })).variables).toEqual([
      { name: 'told', type: 'integer', description: 'a number', default: 3, required: false },
      { name: 'extra', type: 'string', required: true },
      { name: 'plain', type: 'string', required: true },
      { name: 'list', type: 'any', required: true },
      { name: 'item', type: 'any', required: false },
      { name: 'user', type: 'any', required: true },
      { name: 'none', type: 'any', required: true },
    ])
  })

  test('as plain text, with a warning, when mustache cannot read it; and refused when mustache was asked for', async () => {
    const broken = 'Use {{#if x}} like this'
    const made = await create({ content: broken })
    expect([made.status, made.body.engine, made.body.warnings]).toEqual([
      201,
      'none',
      [expect.objectContaining({ code: 'template.stored_as_none' })],
    ])
    const refused = await create({ content: broken, engine: 'mustache' })
    expect([...verdict(refused), refused.body.errors[0].pointer]).toEqual([422, 'template.invalid', '/content'])
    expect(verdict(await create({ content: '{% if %}', engine: 'liquid' }))).toEqual([422, 'template.invalid'])
  })

  test('as a chat with parts, placeholders and tool calls', async () => {
    const content = [
      { role: 'system', content: 'You help {{who}}', name: 'sys' },
      { placeholder: 'history' },
      { role: 'assistant', content: '', toolCalls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }] },
      { role: 'tool', content: '42', toolCallId: 'c1' },
      {
        role: 'user',
        parts: [
          { type: 'text', text: 'See {{what}}' },
          { type: 'image_url', image_url: { url: 'https://example.com/{{no}}' } },
        ],
      },
    ]
    const made = await aPrompt(t().owner, { content })
    expect([made.type, made.content]).toEqual(['chat', content])
    expect(made.variables).toEqual([
      { name: 'history', type: 'array', required: false },
      { name: 'who', type: 'string', required: true },
      { name: 'what', type: 'string', required: true },
    ])
    expect(verdict(await create({ content, type: 'text' }))).toEqual([422, 'prompt.content_invalid'])
  })
})

describe('texts of every kind come back as they were', () => {
  test.each([
    ['right to left', 'שלום {{שם}} — مرحبا', 'ערך'],
    ['CJK', '請總結 {{文本}}。', '日本語 한국어'],
    ['emoji', '👩‍👩‍👧‍👦 {{x}} 🏳️‍🌈', '🧪🚀'],
    ['line ends and blanks', '\r\n\t a \r b \n\n', 'l e a d i n g'],
    ['signs of addresses', 'x', 'a/b % c?d#e&f=@ +"\'\\<>'],
    ['look-alikes', 'Å \u00c5 \ufeff', 'ＡＢＣ·ﬁ'],
  ])('%s', async (_name, content, word) => {
    const made = await aPrompt(t().owner, { content, category: `c ${word}`, name: `n ${word}`, tags: [word], description: word })
    const read = await t().owner('GET', `/prompts/${made.id}`)
    const served = await t().owner('GET', servePath(made))
    for (const { body } of [read, served])
      expect(body).toMatchObject({ content, category: `c ${word}`, name: `n ${word}`, tags: [word], description: word })
    const tagged = await t().owner('GET', `/prompts/tags/${encodeURIComponent(word)}`)
    expect(tagged.body.items.map(({ id }: { id: string }) => id)).toContain(made.id)
    const browsed = await t().owner('GET', `/prompts/category/${encodeURIComponent(`c ${word}`)}`)
    expect(browsed.body.items.map(({ id }: { id: string }) => id)).toEqual([made.id])
  })

  const real = realPrompts()
  test.skipIf(!real)('the longest real prompts, byte for byte', async () => {
    const longest = [...real!].sort((a, b) => b.length - a.length).slice(0, 5)
    expect(longest[0]!.length).toBeGreaterThan(200_000)
    for (const content of longest) {
      const made = await aPrompt(t().owner, { content })
      expect(Buffer.from((await t().owner('GET', servePath(made))).body.content).equals(Buffer.from(content))).toBe(true)
    }
    const joined = longest.join('\n').slice(0, 300_000)
    const made = await aPrompt(t().owner, { content: joined })
    expect((await t().owner('GET', `/prompts/${made.id}`)).body.content === joined).toBe(true)
  })
})

describe('limits', () => {
  test('1 MiB of content is taken, one byte more is not', async () => {
    const content = 'é'.repeat((kib * kib) / 2)
    expect((await create({ content })).status).toBe(201)
    expect(verdict(await create({ content: `${content}x` }))).toEqual([413, 'prompt.content_too_large'])
    const chat = (size: number) => [{ role: 'user', content: 'x'.repeat(size - JSON.stringify([{ role: 'user', content: '' }]).length) }]
    expect((await create({ content: chat(kib * kib) })).status).toBe(201)
    expect(verdict(await create({ content: chat(kib * kib + 1) }))).toEqual([413, 'prompt.content_too_large'])
  })

  test.each(['config', 'metadata', 'versionMetadata'])('%s may have 256 kB as JSON', async (field) => {
    const sized = (bytes: number) => ({ content: 'x', [field]: { a: 'x'.repeat(bytes - '{"a":""}'.length) } })
    expect((await create(sized(256 * kib))).status).toBe(201)
    expect(verdict(await create(sized(256 * kib + 1)))).toEqual([413, 'prompt.config_too_large'])
  })

  test.each<[string, Record<string, unknown>, unknown[]]>([
    ['no content', { content: undefined }, [400, 'request.invalid']],
    ['empty content', { content: '' }, [400, 'request.invalid']],
    ['no messages', { content: [] }, [400, 'request.invalid']],
    ['a number as content', { content: 7 }, [400, 'request.invalid']],
    ['a name of 10,000 characters', { name: 'n'.repeat(10_000) }, [400, 'request.invalid']],
    ['an empty name', { name: '' }, [400, 'request.invalid']],
    ['a control character in the name', { name: 'a\u0007b' }, [400, 'request.invalid']],
    ['a line break in the category', { category: 'a\nb' }, [400, 'request.invalid']],
    ['a C1 control character in a tag', { tags: ['a\u0085b'] }, [400, 'request.invalid']],
    ['an unknown field', { contents: 'x' }, [400, 'request.invalid']],
    ['a field of the prototype', { ['__proto__']: 1 }, [400, 'request.invalid']],
    ['a label in capitals', { labels: ['Production'] }, [400, 'request.invalid']],
    ['the label latest', { labels: ['latest'] }, [422, 'label.reserved']],
    ['a label on a version that is not there', { labels: { production: 2 } }, [422, 'label.reserved']],
    ['a variable twice', { variables: [{ name: 'a' }, { name: 'a' }] }, [422, 'variables.invalid']],
    ['a default of another type', { variables: [{ name: 'a', type: 'integer', default: 1.5 }] }, [422, 'variables.invalid']],
    ['an enum of another type', { variables: [{ name: 'a', type: 'string', enum: [1] }] }, [422, 'variables.invalid']],
    ['a schema with a pattern', { variables: [{ name: 'a', type: 'string', schema: { pattern: '(a+)+$' } }] }, [422, 'variables.invalid']],
  ])('%s is refused', async (_name, fields, expected) => {
    const body = JSON.stringify({ content: 'x', category: 'create', ...fields })
    const sent = Object.hasOwn(fields, '__proto__') ? body.replace('"content"', '"__proto__":1,"content"') : body
    const answer = await t().owner('POST', '/prompts', sent)
    expect(verdict(answer)).toEqual(expected)
    expect(answer.body.errors[0]).toEqual({ pointer: expect.any(String), code: expect.any(String), detail: expect.any(String) })
  })

  test('names and tags of 200 characters outside the basic plane are taken', async () => {
    const word = '𝒳'.repeat(200)
    const made = await aPrompt(t().owner, { name: word, category: word, tags: [word] })
    expect((await t().owner('GET', servePath(made))).status).toBe(200)
    expect(verdict(await t().owner('POST', '/prompts', { content: 'x', name: `${word}𝒳` }))).toEqual([400, 'request.invalid'])
  })
})

test('prototype names are ordinary tags, metadata, config and labels', async () => {
  const body = `{"content":"x","category":"create","tags":["__proto__","constructor"],"metadata":{"__proto__":{"a":1},"constructor":2},"config":{"__proto__":[1]},"labels":["constructor"]}`
  const made = await t().owner('POST', '/prompts', body)
  expect(made.status).toBe(201)
  const { text, body: read } = await t().owner('GET', `/prompts/${made.body.id}`)
  expect(read.tags).toEqual(['__proto__', 'constructor'])
  expect(text).toContain('"__proto__":{"a":1}')
  expect(text).toContain('"config":{"__proto__":[1]}')
  expect((await t().owner('GET', '/prompts/tags/__proto__')).body.items).toHaveLength(1)
  expect(verdict(await t().owner('GET', `/prompts/${read.id}?label=constructor`))).toEqual([200])
  expect(verdict(await t().owner('GET', servePath(read)))).toEqual([404, 'label.not_found'])
})
