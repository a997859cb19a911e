// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${name} is what prompts have for variables
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../../server/src/testing/index.ts'
import { outcomeOf, runCli, spawnCli } from '../testing/run-cli.ts'

let t: TestApp
let folder: string
let category: string
let nth = 0
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-import-'))
  category = `cat-${++nth}`
})
afterEach(() => rmSync(folder, { recursive: true }))

const put = (name: string, ...rows: (object | string)[]): string => {
  const path = join(folder, name)
  writeFileSync(path, rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n'))
  return path
}
const run = (...args: string[]) => runCli(t.url, 'import', ...args)
// biome-ignore lint/suspicious/noExplicitAny: prompts of every shape
async function stored(of = category): Promise<any[]> {
  const items = []
  for (let cursor = ''; ; ) {
    const { body } = await t.owner('GET', `/prompts?category=${encodeURIComponent(of)}&limit=200&sort=name${cursor}`)
    items.push(...body.items)
    if (body.nextCursor === null) return items
    cursor = `&cursor=${encodeURIComponent(body.nextCursor)}`
  }
}
const state = async () => (await stored()).map(({ id, name, version, revision, labels }) => ({ id, name, version, revision, labels }))

test('rows become prompts: title, category, content, description and tags have their place, the rest is metadata', async () => {
  const file = put(
    `${category}.jsonl`,
    {
      source: 's',
      license: 'MIT',
      title: 'One',
      description: 'what',
      content: 'a\r\n\u2028b\u0085 {{x}}',
      tags: ['t'],
      meta: { deep: [1, null] },
      id: 'own id',
      user: '',
    },
    { title: 'Two', category: 'elsewhere', content: 'two', tags: null, description: null },
  )
  const { code, summary, err } = await run(file)
  expect([code, err, summary.prompts]).toEqual([0, '', 2])
  const [one] = await stored()
  expect(one).toMatchObject({
    name: 'One',
    description: 'what',
    content: 'a\r\n\u2028b\u0085 {{x}}',
    engine: 'mustache',
    tags: ['t'],
    labels: { production: 1 },
  })
  expect(one.metadata).toEqual({
    source: 's',
    license: 'MIT',
    meta: { deep: [1, null] },
    id: 'own id',
    user: '',
    importedFrom: `${category}.jsonl`,
    importKey: expect.stringMatching(/^[0-9a-f]{64}$/),
  })
  expect(await stored('elsewhere')).toMatchObject([{ name: 'Two', description: '', tags: [] }])
})

test('equal titles with different content all survive, exact duplicates are skipped, and a second run changes nothing', async () => {
  const rows = [
    { title: 'T', content: 'a' },
    { title: 'T', content: 'b' },
    { title: 'T', content: 'a' },
    { title: 'T (2)', content: 'c' },
    { title: 'T', content: 'd' },
  ]
  const first = await run(put(`${category}.jsonl`, ...rows))
  expect(first.summary).toMatchObject({ rows: 5, prompts: 4, skipped: { present: 0, duplicate: 1, identical: 0 }, failed: 0 })
  const before = await state()
  expect((await stored()).map(({ name, content, metadata }) => [name, content, metadata.title])).toEqual([
    ['T', 'a', undefined],
    ['T (2)', 'b', 'T'],
    ['T (2) (2)', 'c', 'T (2)'],
    ['T (3)', 'd', 'T'],
  ])
  const second = await run(put(`${category}.jsonl`, ...rows.reverse()))
  expect([second.code, second.summary.prompts, second.summary.skipped]).toEqual([0, 0, { present: 4, duplicate: 1, identical: 0 }])
  expect(await state()).toEqual(before)
})

test('a name that somebody else has taken is left alone', async () => {
  await t.owner('POST', '/prompts', { category, name: 'T', content: 'by hand' })
  const { summary } = await run(
    put(
      `${category}.jsonl`,
      { title: 'T', content: 'imported' },
      { title: 'é'.repeat(200), content: 'x' },
      { title: 'é'.repeat(200), content: 'y' },
    ),
  )
  expect(summary.prompts).toBe(3)
  expect((await stored()).map(({ name, content }) => [name.length, content])).toEqual([
    [1, 'by hand'],
    [5, 'imported'],
    [200, 'y'],
    [200, 'x'],
  ])
})

test('every line that cannot be taken is reported with its number and reason, the others are taken, and the exit code is 1', async () => {
  const file = put(
    `${category}.jsonl`,
    '{"title": "cut',
    { title: 'no content' },
    { content: 'no title' },
    '',
    { title: 'x'.repeat(201), content: 'long' },
    { title: 'nul', content: 'a\0b' },
    '[]',
    { title: 'good', content: 'g' },
    {
      title: 'empty',
      content: '',
    },
    { title: 'surrogate', content: '\ud800' },
    { title: 'big', content: 'x'.repeat(1024 * 1024 + 1) },
  )
  writeFileSync(join(folder, 'latin1.jsonl'), Buffer.from('{"title":"t","content":"\xe9"}', 'latin1'))
  const { code, lines, summary } = await run(file, join(folder, 'latin1.jsonl'))
  expect([code, summary.prompts, summary.failed]).toEqual([1, 1, 10])
  const reasons = Object.fromEntries(
    lines
      .filter(({ event }) => event === 'failed')
      .map(({ file: from, line, reason }) => [`${from === 'latin1.jsonl' ? 'latin' : ''}${line}`, reason]),
  )
  expect(reasons).toEqual({
    1: expect.stringMatching(/^bad JSON/),
    2: 'content is missing',
    3: 'title is missing',
    5: expect.stringMatching(/^request\.invalid: .*name/),
    6: expect.stringMatching(/NUL/),
    7: 'the line is not a JSON object',
    9: 'content is empty',
    10: expect.stringMatching(/surrogate/),
    11: expect.stringMatching(/^prompt\.content_too_large/),
    latin1: 'the line is not valid UTF-8',
  })
  expect((await stored()).map(({ name }) => name)).toEqual(['good'])
})

test('variables are detected, not taken from code, and what the service cannot parse is kept as it is', async () => {
  const rows = [
    { title: 'code', content: 'Show `{{x}}`' },
    { title: 'dollar', content: 'In ${city:Rome}' },
    { title: 'liquid', content: '{% if a %}{{ b | upcase }}{% endif %}' },
    { title: 'mustache', content: '{{a}}' },
    { title: 'open', content: '{{#a}} never closed' },
    { title: 'unopened', content: '{% if a %}{{ b[0] }}' },
  ]
  const { summary } = await run(put(`${category}.jsonl`, ...rows))
  expect(summary.decisions).toEqual({ code: 1, dollar: 1, liquid: 1, mustache: 1, unparsable: 2 })
  const prompts = await stored()
  expect(prompts.map(({ engine, variables }) => [engine, ...variables.map(({ name }: { name: string }) => name)])).toEqual([
    ['none'],
    ['none'],
    ['liquid', 'a', 'b'],
    ['mustache', 'a'],
    ['none'],
    ['none'],
  ])
  expect(prompts.map(({ content }) => content)).toEqual(rows.map(({ content }) => content))
  expect(prompts[1].metadata.variableSyntax).toEqual({ style: '${name:default}', variables: [{ name: 'city', default: 'Rome' }] })
})

test('prompts that include others go in whatever their order is; what is never found is reported', async () => {
  const file = put(
    `${category}.jsonl`,
    { title: 'c', content: `{{> ${category}/b}}` },
    { title: 'b', content: `{{> ${category}/a}}` },
    { title: 'a', content: 'A' },
    { title: 'lost', content: '{{> no/where}}' },
  )
  const { code, lines, summary } = await run(file)
  expect([code, summary.prompts, summary.failed]).toEqual([1, 3, 1])
  expect(lines.find(({ event }) => event === 'failed')).toMatchObject({ line: 4, reason: expect.stringMatching(/^include\.not_found/) })
  expect((await t.owner('GET', `/prompts/search/${category}/c`)).body.includes.length).toBe(2)
})

test('a history becomes versions in time order, with message and time; the label stands on the newest', async () => {
  const file = put(
    `${category}.jsonl`,
    { title: 'h', at: '2024-03-01T00:00:00Z', message: 'third', content: 'a', commit: 'c3' },
    { title: 'h', at: '2024-01-01T01:00:00+02:00', message: 'first', content: 'a', commit: 'c1', license: 'MIT' },
    { title: 'other', at: '2024-01-01T00:00:00Z', content: 'alone' },
    { title: 'h', at: '2024-02-01T00:00:00Z', message: 'second', content: 'b {{x}}', commit: 'c2' },
    { title: 'h', at: '2024-02-02T00:00:00Z', message: 'nothing new', content: 'b {{x}}' },
    { title: 'h', at: 'yesterday', content: 'when?' },
  )
  const first = await run('--history', file)
  expect([first.code, first.summary]).toEqual([
    1,
    expect.objectContaining({ rows: 6, prompts: 2, versions: 4, failed: 1, skipped: { present: 0, duplicate: 0, identical: 1 } }),
  ])
  const [h, other] = await stored()
  expect([h.labels, other.labels, h.metadata.importedFrom]).toEqual([{ production: 3 }, { production: 1 }, `${category}.jsonl`])
  const { items } = (await t.owner('GET', `/prompts/${h.id}/versions`)).body
  expect(items.map((v: Record<string, unknown>) => [v.version, v.content, v.changeSummary, (v.metadata as { at: string }).at])).toEqual([
    [3, 'a', 'third', '2024-03-01T00:00:00Z'],
    [2, 'b {{x}}', 'second', '2024-02-01T00:00:00Z'],
    [1, 'a', 'first', '2024-01-01T01:00:00+02:00'],
  ])
  expect(items[2].metadata).toMatchObject({ commit: 'c1', license: 'MIT' })
  const before = await state()
  const second = await run('--history', file)
  expect(second.summary).toMatchObject({ prompts: 0, versions: 0, skipped: { present: 4, identical: 1 } })
  expect(await state()).toEqual(before)
})

test('a history that has grown adds what is new; a label that somebody has moved stays until then', async () => {
  const rows = [1, 2].map((n) => ({ title: 'h', at: `2024-01-0${n}T00:00:00Z`, content: `v${n}` }))
  await run('--history', put(`${category}.jsonl`, ...rows))
  const [{ id }] = await stored()
  await t.owner('PUT', `/prompts/${id}/labels/production`, { version: 1 })
  await run('--history', put(`${category}.jsonl`, ...rows))
  expect((await stored())[0].labels).toEqual({ production: 1 })
  const late = [
    { title: 'h', at: '2023-01-01T00:00:00Z', content: 'older' },
    { title: 'h', at: '2024-01-03T00:00:00Z', content: 'v3' },
  ]
  const { lines, summary } = await run('--history', put(`${category}.jsonl`, ...rows, ...late))
  expect(summary).toMatchObject({ versions: 1, failed: 1 })
  expect(lines[0]).toMatchObject({ event: 'failed', line: 3, reason: expect.stringMatching(/older than versions that are there/) })
  expect((await stored())[0]).toMatchObject({ version: 3, content: 'v3', labels: { production: 3 } })
})

test('--label chooses the label, or none', async () => {
  await run(put('a.jsonl', { title: 'a', category, content: 'a' }), '--label', 'none')
  await run(
    '--history',
    '--label',
    'staging',
    put('b.jsonl', { title: 'b', category, at: '2024-01-01', content: 'b1' }, { title: 'b', category, at: '2024-01-02', content: 'b2' }),
  )
  expect((await stored()).map(({ labels }) => labels)).toEqual([{}, { staging: 2 }])
  expect((await run(put('c.jsonl', {}), '--label', 'latest')).code).toBe(2)
})

test('a folder is searched for files of all kinds; documents get its name as category, and become chats and variables', async () => {
  mkdirSync(join(folder, 'team', 'chat'), { recursive: true })
  put('team/rows.jsonl', { title: 'r', content: 'row', category })
  put('team/README.md', '# no front matter')
  put('team/notes.txt', 'not a prompt')
  put('team/agent.md', '---\nname: reviewer\ndescription: Reviews\ntools: Read, Grep\ntags: [a]\n---\n\nYou review.\n')
  put(
    'team/chat/greet.prompt',
    '---\nmodel: googleai/gemini\nconfig:\n  temperature: 0.5\ninput:\n  schema:\n    name: string, who\n    times?: integer\n  default:\n    name: Ada\noutput:\n  format: text\n---\n{{role "system"}}\nBe kind.\n{{history}}\n{{role "user"}}\nHi {{name}}\n',
  )
  put('team/broken.md', '---\na: [\n---\nx')
  const { code, summary, lines } = await run(join(folder, 'team'))
  expect([code, summary.prompts, summary.ignoredFiles, summary.failed]).toEqual([1, 3, 2, 1])
  expect(lines.find(({ event }) => event === 'failed')).toMatchObject({
    file: 'broken.md',
    reason: expect.stringMatching(/^bad front matter/),
  })
  const [agent] = await stored('team')
  expect(agent).toMatchObject({
    name: 'reviewer',
    description: 'Reviews',
    content: '\nYou review.\n',
    tags: ['a'],
    metadata: { tools: 'Read, Grep' },
  })
  const [greet] = await stored('chat')
  expect(greet).toMatchObject({
    name: 'greet',
    type: 'chat',
    content: [{ role: 'system', content: 'Be kind.' }, { placeholder: 'history' }, { role: 'user', content: 'Hi {{name}}' }],
    config: { model: 'googleai/gemini', parameters: { temperature: 0.5 }, output: { format: 'text' } },
  })
  expect(greet.variables).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ name: 'name', type: 'string', required: false, default: 'Ada', description: 'who' }),
      expect.objectContaining({ name: 'times', type: 'integer', required: false }),
    ]),
  )
  expect((await run(join(folder, 'team'))).summary).toMatchObject({ prompts: 0, skipped: { present: 3 } })
})

test('an import that was killed and run again ends as one run does', async () => {
  const rows = Array.from({ length: 400 }, (_, n) => ({ title: `T${n % 300}`, content: `content ${n}`, category }))
  const history = Array.from({ length: 240 }, (_, n) => ({
    title: `H${n % 20}`,
    at: new Date(1.7e12 + n * 1000).toISOString(),
    content: `h ${n}`,
    category,
  }))
  const [prompts, versions] = [put('p.jsonl', ...rows), put('h.jsonl', ...history)]
  const counted = async () => (await t.owner('GET', `/prompts?category=${category}&includeTotal=true&limit=1`)).body.total
  const kill = async (enough: number, ...args: string[]) => {
    const child = spawnCli(t.url, ['import', ...args])
    const ended = outcomeOf(child)
    await expect.poll(counted, { interval: 5 }).toBeGreaterThanOrEqual(enough)
    child.kill('SIGKILL')
    return (await ended).code
  }
  expect(await kill(50, prompts)).toBeNull()
  expect(await kill(150, prompts)).toBeNull()
  expect((await run(prompts)).code).toBe(0)
  expect(await kill(405, '--history', versions)).toBeNull()
  expect((await run('--history', versions)).code).toBe(0)
  const byName = new Map((await stored()).map((prompt) => [prompt.name, prompt]))
  expect(byName.size).toBe(420)
  for (const [n, { title }] of rows.entries())
    expect(byName.get(n < 300 ? title : `${title} (2)`)).toMatchObject({ content: `content ${n}`, version: 1, labels: { production: 1 } })
  for (let h = 0; h < 20; h++) {
    const { items } = (await t.owner('GET', `/prompts/${byName.get(`H${h}`).id}/versions`)).body
    expect(items.map((v: { content: string }) => v.content).reverse()).toEqual(Array.from({ length: 12 }, (_, n) => `h ${n * 20 + h}`))
    expect(byName.get(`H${h}`).labels).toEqual({ production: 12 })
  }
})

test('two imports of the same file at once put every row in once', async () => {
  const file = put(`${category}.jsonl`, ...Array.from({ length: 60 }, (_, n) => ({ title: `T${n}`, content: `c${n}` })))
  const outcomes = await Promise.all([run(file), run(file)])
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0])
  expect((await stored()).length).toBe(60)
})

test('a service that is not there, a wrong key and a wrong call are one clear line and the right exit code', async () => {
  const file = put('x.jsonl', { title: 'x', content: 'x' })
  const away = await runCli('http://127.0.0.1:1', 'import', file)
  expect([away.code, away.err]).toEqual([
    1,
    expect.stringMatching(/^error: network\.unreachable: http:\/\/127\.0\.0\.1:1 cannot be reached[^\n]*\n$/),
  ])
  const locked = await outcomeOf(spawnCli(t.url, ['import', file], 'wrong key'))
  expect([locked.code, locked.err]).toEqual([1, expect.stringMatching(/^error: auth\.required: [^\n]*\n$/)])
  expect((await run(join(folder, 'nothing.jsonl'))).code).toBe(2)
  expect((await run(put('x.csv', 'a'))).code).toBe(2)
  expect((await run()).code).toBe(2)
})
