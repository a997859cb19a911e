import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createClient } from '@prompt-store/sdk'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootstrapKey, startTestApp, type TestApp } from '../../../server/src/testing/index.ts'
import { runCli, sharedData } from '../testing/run-cli.ts'

const there = existsSync(join(sharedData, 'prompts'))
if (!there) console.warn(`SKIPPED: real prompts are not at ${sharedData}`)

type Row = { title: string; category?: string; content: string; at: string; message: string; commit: string }
type Stored = { id: string; version: number; revision: number; labels: Record<string, number> }
const minutes = 60_000
/** What was exported goes into another workspace whole only where faults are looked for at length. */
const oneOf = process.env.FAULT_ROUNDS ? 1 : 5
const rowsOf = (path: string): Row[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
const prompts = join(sharedData, 'prompts')
const history = join(sharedData, 'history', 'fabric-versions.jsonl')

let t: TestApp
let folder: string
beforeAll(async () => {
  if (!there) return
  t = await startTestApp({ checkReplies: false })
  folder = mkdtempSync(join(tmpdir(), 'cli-real-'))
})
afterAll(async () => {
  if (!there) return
  rmSync(folder, { recursive: true })
  await t.stop()
})

const clientOf = (url: string) => createClient({ url, apiKey: bootstrapKey, timeoutMs: minutes })

/** Every version's content in order, by `category⏎title`; and what must not change in a second run. */
async function everything({ url } = t): Promise<{ contents: Map<string, string[]>; state: Map<string, Stored> }> {
  const client = clientOf(url)
  const contents = new Map<string, string[]>()
  const state = new Map<string, Stored>()
  for await (const { id, version, revision, labels, category, name, content } of client.paginate('/prompts', {
    query: { limit: 200, view: 'full' },
  })) {
    const versions = version === 1 ? [content as string] : []
    if (version > 1)
      for await (const one of client.paginate('/prompts/{id}/versions', { path: { id }, query: { limit: 200 } }))
        versions.unshift(one.content as string)
    contents.set(`${category}\n${name}`, versions)
    state.set(`${category}\n${name}`, { id, version, revision, labels })
  }
  await client.close()
  return { contents, state }
}

test.skipIf(!there)(
  'all real prompts go in and come back byte for byte, and a second run changes nothing',
  { timeout: 10 * minutes },
  async () => {
    const { code, summary } = await runCli(t.url, 'import', prompts)
    const rows = readdirSync(prompts).flatMap((file) =>
      rowsOf(join(prompts, file)).map((row) => ({ ...row, category: row.category ?? basename(file, '.jsonl') })),
    )
    const distinct = new Set(rows.map(({ category, title, content }) => `${category}\n${title}\n${content}`))
    expect([code, summary.rows, summary.prompts, summary.skipped.duplicate, summary.failed]).toEqual([
      0,
      rows.length,
      distinct.size,
      rows.length - distinct.size,
      0,
    ])
    console.info(
      `real prompts: ${Math.round(summary.rows / summary.seconds)} rows a second; variable syntax ${JSON.stringify(summary.decisions)}`,
    )

    const { contents, state } = await everything()
    expect(contents.size).toBe(distinct.size)
    const back = new Set([...contents].map(([name, versions]) => `${name.replace(/ \(\d+\)$/, '')}\n${versions.join()}`))
    for (const { category, title, content } of rows)
      expect(back.has(`${category}\n${title}\n${content}`) || contents.get(`${category}\n${title}`)?.[0] === content).toBe(true)

    const second = await runCli(t.url, 'import', prompts)
    expect([second.code, second.summary.prompts, second.summary.skipped.present]).toEqual([0, 0, distinct.size])
    expect((await everything()).state).toEqual(state)
  },
)

test.skipIf(!there)(
  'the real history goes in with every version in its order, byte for byte, and a second run changes nothing',
  { timeout: 10 * minutes },
  async () => {
    const { code, summary } = await runCli(t.url, 'import', '--history', history)
    const rows = rowsOf(history)
    const byTitle = Map.groupBy(rows, ({ title }) => title)
    expect([code, summary.rows, summary.prompts, summary.versions, summary.failed]).toEqual([0, rows.length, byTitle.size, rows.length, 0])

    const { contents, state } = await everything()
    for (const [title, versions] of byTitle) {
      expect(contents.get(`fabric-versions\n${title}`)).toEqual(versions.map(({ content }) => content))
      expect(state.get(`fabric-versions\n${title}`)!.labels).toEqual({ production: versions.length })
    }
    const client = clientOf(t.url)
    const { id } = state.get('fabric-versions\nanalyze_prose')!
    const first = await client.request('GET', '/prompts/{id}/versions/{version}', { path: { id, version: 1 } })
    const { at, commit, message } = byTitle.get('analyze_prose')![0]!
    expect(first).toMatchObject({ changeSummary: message, metadata: { at, commit } })
    await client.close()

    const second = await runCli(t.url, 'import', '--history', history)
    expect([second.code, second.summary.versions, second.summary.skipped.present]).toEqual([0, 0, rows.length])
    expect((await everything()).state).toEqual(state)
  },
)

test.skipIf(!there)('all of it goes out and into another workspace, equal version by version', { timeout: 10 * minutes }, async () => {
  const file = join(folder, 'all.jsonl')
  const exported = await runCli(t.url, 'export', file)
  const before = await everything()
  const { lines, taken, versions } = sampled(file)
  expect([exported.code, exported.summary.prompts, exported.summary.versions]).toEqual([0, before.contents.size, lines])
  const other = await startTestApp({ checkReplies: false })
  try {
    const { code, summary } = await runCli(other.url, 'import', file)
    expect([code, summary.prompts, summary.versions, summary.failed]).toEqual([0, taken.size, versions, 0])
    const after = await everything(other)
    expect(after.contents).toEqual(new Map([...before.contents].filter(([name]) => taken.has(before.state.get(name)!.id))))
    for (const [name, there] of after.state) expect(facts(there)).toEqual(facts(before.state.get(name)!))
    expect((await runCli(other.url, 'import', file)).summary).toMatchObject({ prompts: 0, versions: 0, failed: 0 })
  } finally {
    await other.stop()
  }
})

const facts = ({ labels, version }: Stored) => ({ labels, version })

/** Of the prompts of an export one of `oneOf` stays in the file, with all its versions. */
function sampled(file: string): { lines: number; taken: Set<string>; versions: number } {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const idOf = (line: string): string => JSON.parse(line).prompt.id
  const taken = new Set([...new Set(lines.map(idOf))].filter((_, nth) => nth % oneOf === 0))
  const kept = lines.filter((line) => taken.has(idOf(line)))
  writeFileSync(file, `${kept.join('\n')}\n`)
  return { lines: lines.length, taken, versions: kept.length }
}
