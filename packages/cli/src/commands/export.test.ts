import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../../server/src/testing/index.ts'
import { outcomeOf, runCli, spawnCli } from '../testing/run-cli.ts'

let t: TestApp
let folder: string
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-export-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

// biome-ignore lint/suspicious/noExplicitAny: prompts of every shape
const create = async (body: object): Promise<any> => (await t.owner('POST', '/prompts', body)).body
// biome-ignore lint/suspicious/noExplicitAny: versions of every shape
const versionsOf = async (of: TestApp, id: string): Promise<any[]> =>
  (await of.owner('GET', `/prompts/${id}/versions?limit=200`)).body.items.reverse()
const rowsIn = (path: string) =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

/** A prompt with everything that a prompt can have. */
async function rich() {
  const prompt = await create({
    category: 'rich/α',
    name: 'all % of it',
    content: [{ role: 'system', content: 'Be {{mood}}' }, { placeholder: 'chat' }],
    description: 'd',
    tags: ['x', 'y'],
    metadata: { a: { b: 1 } },
    isTemplate: true,
    config: { model: 'm' },
    variables: [{ name: 'mood', enum: ['kind', 'stern'], default: 'kind' }],
    changeSummary: 'first',
    versionMetadata: { commit: 'c1' },
  })
  await t.owner('PUT', `/prompts/${prompt.id}`, {
    content: '{% if a %}{{ a | upcase }}{% endif %}',
    engine: 'liquid',
    changeSummary: 'second',
  })
  await t.owner('PUT', `/prompts/${prompt.id}`, { config: { model: 'n' } })
  await t.owner('POST', `/prompts/${prompt.id}/versions/3/rollback`, { reason: 'the same once more' })
  await t.owner('POST', `/prompts/${prompt.id}/versions/1/rollback`, { labels: ['production', 'staging'] })
  await t.owner('PUT', `/prompts/${prompt.id}/labels/old`, { version: 2 })
  return prompt
}

test('a prompt goes into another workspace with all versions, labels and facts, and a second run changes nothing', async () => {
  const prompt = await rich()
  await create({ category: 'rich/α', name: 'includes', content: '{{> later/one}}' }).catch(() => undefined)
  const file = join(folder, 'out.jsonl')
  const exported = await runCli(t.url, 'export', file, '--category', 'rich/α')
  expect([exported.code, exported.summary]).toEqual([0, { event: 'summary', prompts: 1, versions: 5 }])
  expect(readdirSync(folder)).toEqual(['out.jsonl'])
  const other = await startTestApp()
  try {
    const { code, summary } = await runCli(other.url, 'import', file)
    expect([code, summary.prompts, summary.versions, summary.failed]).toEqual([0, 1, 5, 0])
    const [copy] = (await other.owner('GET', '/prompts')).body.items
    expect(copy).toMatchObject({
      category: 'rich/α',
      name: 'all % of it',
      description: 'd',
      tags: ['x', 'y'],
      isTemplate: true,
      labels: { production: 5, staging: 5, old: 2 },
      metadata: { a: { b: 1 }, exportedFrom: prompt.id },
    })
    const facts = ({
      version,
      engine,
      content,
      variables,
      config,
      checksum,
      changeSummary,
      changeType,
      labels,
    }: Record<string, unknown>) => ({ version, engine, content, variables, config, checksum, changeSummary, changeType, labels })
    expect((await versionsOf(other, copy.id)).map(facts)).toEqual((await versionsOf(t, prompt.id)).map(facts))
    expect((await versionsOf(other, copy.id))[0].metadata).toMatchObject({ commit: 'c1', at: prompt.createdAt })
    const again = await runCli(other.url, 'import', file)
    expect([
      again.summary.versions,
      again.summary.skipped.present,
      (await other.owner('GET', `/prompts/${copy.id}`)).body.revision,
    ]).toEqual([0, 5, copy.revision])
  } finally {
    await other.stop()
  }
})

test('taken back into its own workspace an export changes nothing, and restores what was deleted meanwhile under its name', async () => {
  const { id } = await create({ category: 'own', name: 'mine', content: 'v1' })
  await t.owner('PUT', `/prompts/${id}/content`, { content: 'v2' })
  const file = join(folder, 'own.jsonl')
  await runCli(t.url, 'export', file, '--category', 'own')
  expect((await runCli(t.url, 'import', file)).summary).toMatchObject({ prompts: 0, versions: 0, skipped: { present: 2 } })
  await t.owner('DELETE', `/prompts/${id}`)
  expect((await runCli(t.url, 'import', file)).summary).toMatchObject({ prompts: 1, versions: 2 })
  expect((await t.owner('GET', '/prompts/search/own/mine')).body).toMatchObject({ content: 'v1', version: 1 })
})

test('prompts that include each other in the course of their history go in, whatever their order', async () => {
  const a = await create({ category: 'inc', name: 'a', content: 'A1' })
  await create({ category: 'inc', name: 'b', content: 'B' })
  await t.owner('PUT', `/prompts/${a.id}/content`, { content: '{{> inc/b}}' })
  await t.owner('PUT', `/prompts/${a.id}/content`, { content: 'A3' })
  const file = join(folder, 'inc.jsonl')
  await runCli(t.url, 'export', file, '--category', 'inc')
  const other = await startTestApp()
  try {
    expect((await runCli(other.url, 'import', file)).summary).toMatchObject({ prompts: 2, versions: 4, failed: 0 })
  } finally {
    await other.stop()
  }
})

test('without a target the rows go to stdout, also for a reader that stops early', async () => {
  await create({ category: 'std', name: 'out', content: 'x' })
  const { code, lines } = await runCli(t.url, 'export', '--category', 'std')
  expect([code, lines.length, lines[0]]).toEqual([
    0,
    1,
    expect.objectContaining({ format: 'prompt-store.export/1', category: 'std', title: 'out', content: 'x', version: 1 }),
  ])
  for (let n = 0; n < 20; n++) await create({ category: 'std', name: `big ${n}`, content: 'x'.repeat(100_000) })
  const child = spawnCli(t.url, ['export', '--category', 'std'])
  child.stdout!.once('data', () => child.stdout!.destroy())
  const code2 = await new Promise((resolve) => child.on('exit', resolve))
  expect(code2).toBe(0)
})

test('into a folder each category goes to a file of its own', async () => {
  await create({ category: 'dir/x', name: 'n', content: 'x' })
  await create({ category: '..', name: 'n', content: 'dots' })
  await create({ category: '分類'.repeat(60), name: 'n', content: 'long' })
  mkdirSync(join(folder, 'all'))
  expect((await runCli(t.url, 'export', join(folder, 'all'))).code).toBe(0)
  const files = readdirSync(join(folder, 'all'))
  expect(files).toEqual(expect.arrayContaining(['dir%2Fx.jsonl', '%2E..jsonl']))
  expect(files.some((file) => file.startsWith('%E5%88%86'))).toBe(true)
  expect(rowsIn(join(folder, 'all', 'dir%2Fx.jsonl'))).toMatchObject([{ category: 'dir/x', content: 'x' }])
  expect((await runCli(t.url, 'export', join(folder, 'no', 'such/'))).code).toBe(2)
})

test('an export that fails leaves the file that was there', async () => {
  const file = join(folder, 'kept.jsonl')
  writeFileSync(file, 'before')
  const failed = await outcomeOf(spawnCli(t.url, ['export', file], 'wrong'))
  expect([failed.code, failed.err, readFileSync(file, 'utf8'), readdirSync(folder)]).toEqual([
    1,
    expect.stringMatching(/^error: auth\.required/),
    'before',
    ['kept.jsonl'],
  ])
  expect((await runCli(t.url, 'export', join(folder, 'no', 'such', 'file.jsonl'))).err).toMatch(/^error: ENOENT/)
})

test('a long history is written whole and in order', async () => {
  const { id } = await create({ category: 'long', name: 'n', content: 'v1' })
  for (let n = 2; n <= 53; n++) await t.owner('PUT', `/prompts/${id}/content`, { content: `v${n}` })
  const { lines } = await runCli(t.url, 'export', '--category', 'long')
  expect(lines.map(({ content }) => content)).toEqual(Array.from({ length: 53 }, (_, n) => `v${n + 1}`))
})
