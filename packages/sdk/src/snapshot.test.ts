import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type ClientOptions, createClient } from './index.ts'
import { deadUrl, type FaultServer, sendJson, servedPrompt, startFaultServer } from './testing/fault-server.ts'

let folder: string
let server: FaultServer
let up = true
let warnings: string[]
const wanted = { category: 'c', name: 'n' }
const path = () => join(folder, 'prompts.json')
const clientOf = (options: Partial<ClientOptions> = {}) =>
  createClient({ url: server.url, snapshotPath: path(), retries: 0, warn: (warning) => warnings.push(warning), ...options })

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sdk-snapshot-'))
  warnings = []
  up = true
  server = await startFaultServer((response, { body }) =>
    up ? sendJson(response, 200, servedPrompt('kept', body ? { rendered: 'secret' } : {}), { etag: '"e1"' }) : response.destroy(),
  )
})
afterEach(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

test('what one process has learnt serves the next while the service is away from the start', async () => {
  const first = clientOf()
  await first.prompts.get(wanted)
  await first.close()
  up = false
  const second = clientOf()
  expect(await second.prompts.get(wanted)).toMatchObject({
    source: 'snapshot',
    content: 'kept',
    prompt: { version: 1 },
    cause: { code: 'network.unreachable' },
  })
  expect(await second.prompts.get({ ...wanted, name: 'other', fallback: 'mine' })).toMatchObject({ source: 'fallback' })
  expect(warnings).toEqual([])
  await second.close()
})

test('while the service is there it is asked, and a 304 makes the snapshot current', async () => {
  const first = clientOf()
  await first.prompts.get(wanted)
  await first.close()
  const second = clientOf({ freshMs: 1e9 })
  expect((await second.prompts.get(wanted)).source).toBe('network')
  expect(server.seen.at(-1)!.headers['if-none-match']).toBe('"e1"')
  expect((await second.prompts.get(wanted)).source).toBe('cache')
  await second.close()
})

test('the file is private, whole and without leftovers, and holds nothing that was made for one user', async () => {
  const client = clientOf()
  await client.prompts.get(wanted)
  await client.prompts.get({ ...wanted, variables: { name: 'Ada' } })
  await client.prompts.get({ ...wanted, unitId: 'user-1' })
  await client.close()
  expect(statSync(path()).mode & 0o777).toBe(0o600)
  expect(readdirSync(folder)).toEqual(['prompts.json'])
  const file = JSON.parse(readFileSync(path(), 'utf8'))
  expect([file.entries.length, file.url]).toEqual([1, server.url])
  expect(JSON.stringify(file)).not.toMatch(/secret|Ada|user-1/)
})

test('it is written without close too, a moment after something was learnt', async () => {
  const client = clientOf()
  await client.prompts.get(wanted)
  await expect.poll(() => readdirSync(folder)).toEqual(['prompts.json'])
  await client.close()
})

test.each([
  ['cut', (text: string) => text.slice(0, -20), /JSON/],
  ['another format', () => '{"format":"x"}', /not a snapshot of this version/],
  ['null', () => 'null', /not a snapshot of this version/],
  ['a broken entry', (text: string) => text.replace('"content"', '"contents"'), /an entry of it is broken/],
  [
    'another service',
    (text: string) => text.replace(/"url":"[^"]*"/, '"url":"http://elsewhere"'),
    /belongs to the service at http:\/\/elsewhere/,
  ],
])('a file that cannot be used (%s) is ignored, and that is said', async (_what, damage, said) => {
  const first = clientOf()
  await first.prompts.get(wanted)
  await first.close()
  writeFileSync(path(), damage(readFileSync(path(), 'utf8')))
  const second = clientOf()
  expect(warnings).toEqual([expect.stringMatching(said)])
  expect((await second.prompts.get(wanted)).source).toBe('network')
  await second.close()
  expect(JSON.parse(readFileSync(path(), 'utf8')).entries.length).toBe(1)
})

test('a place that cannot be written is said, and serving goes on', async () => {
  const client = clientOf({ snapshotPath: join(folder, 'no', 'such', 'folder.json') })
  expect((await client.prompts.get(wanted)).source).toBe('network')
  await client.close()
  expect(warnings).toEqual([expect.stringMatching(/could not be written/)])
})

test('after a write of its own the client does not fall back on what the snapshot has of that prompt', async () => {
  const first = clientOf()
  await first.prompts.get(wanted)
  await first.close()
  const url = await deadUrl()
  writeFileSync(path(), readFileSync(path(), 'utf8').replace(server.url, url))
  const second = clientOf({ url })
  await second.request('PUT', '/prompts/{id}', { path: { id: servedPrompt('').id }, body: {} }).catch(() => undefined)
  await expect(second.prompts.get(wanted)).rejects.toMatchObject({ code: 'network.unreachable' })
  await second.close()
})
