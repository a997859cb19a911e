import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../../server/src/testing/index.ts'
import { type Entry, entryHash, type Header, link } from '../audit/format.ts'
import { verifyExport } from '../audit/verify.ts'
import { runCli } from '../testing/run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'prompt-store-cli-audit-'))
const checkpoints = join(folder, 'audit-checkpoints.ndjson')
const file = join(folder, 'trail.ndjson')

let t: TestApp
/** The lines of a sound export: a header; 4 entries and a checkpoint, three times; a footer. */
let sound: string[]
let publicKey: string
beforeAll(async () => {
  t = await startTestApp({ auditCheckpoints: checkpoints, auditInBackground: false })
  for (let block = 0; block < 3; block++) {
    for (const name of ['a', 'b']) await t.owner('POST', '/prompts', { category: 'é \u2028', name: `${name}${block}`, content: 'x' })
    await t.app.audit.settle()
  }
  publicKey = (await t.owner('GET', '/audit/verify')).body.publicKey
  expect((await runCli(t.url, 'audit', 'export', file)).code).toBe(0)
  sound = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  expect(sound.map((line) => JSON.parse(line).type).join()).toBe(`header,${'entry,entry,entry,entry,checkpoint,'.repeat(3)}footer`)
})
afterAll(async () => {
  await t.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines
}
const verify = (lines: readonly string[], outside?: readonly string[]) =>
  verifyExport(each(lines), { publicKeys: [publicKey], checkpoints: outside && each(outside) })
const kept = () => readFileSync(checkpoints, 'utf8').split('\n').slice(0, -1)

const changed = (line: string, change: object): string => JSON.stringify({ ...JSON.parse(line), ...change })
const at = (position: number): number => sound.findIndex((line) => JSON.parse(line).position === position)

describe('a sound export', () => {
  test('is found in order, by the key, and by the checkpoints outside', async () => {
    expect(await verify(sound)).toMatchObject({ ok: true, entries: 12, first: 1, last: 12, checkpoints: 3, keyTrusted: true, broken: null })
    expect(await verify(sound, kept())).toMatchObject({ ok: true, compared: 3 })
    expect(await verifyExport(each(sound), { publicKeys: [] })).toMatchObject({ ok: true, keyTrusted: false, publicKey })
  })

  test('of a part is one too, wherever it begins', async () => {
    for (const after of [1, 4, 6, 11, 12, 99]) {
      const { text } = await t.owner('GET', `/audit/export?after=${after}`)
      const part = await verify(text.split('\n').slice(0, -1), kept())
      expect(part).toMatchObject({ ok: true, entries: Math.max(0, 12 - after), last: 12, broken: null })
    }
  })

  test('made before the newest changes agrees with the checkpoints that were kept since', async () => {
    await t.owner('POST', '/prompts', { category: 'later', name: 'c', content: 'x' })
    await t.app.audit.settle()
    expect(await verify(sound, kept())).toMatchObject({ ok: true, last: 12 })
  })
})

describe('is found in a file:', () => {
  const one = (position: number, change: object) => sound.toSpliced(at(position), 1, changed(sound[at(position)]!, change))

  test.each([
    ['the actor', { actor: 'key:somebody-else' }],
    ['the time', { at: '2020-01-01T00:00:00.000Z' }],
    ['the action', { action: 'prompt.deleted' }],
    ['the data', { data: {} }],
    ['the state', { afterHash: null }],
    ['its place in the chain', { chain: '0'.repeat(64) }],
  ])('an edit of %s', async (_, change) => {
    expect((await verify(one(5, change))).broken).toMatchObject({ kind: 'edited', position: 5 })
  })

  test('a deletion, also of the last before a checkpoint, of the first, and of a checkpoint', async () => {
    for (const position of [1, 5, 6, 8])
      expect((await verify(sound.toSpliced(at(position), 1))).broken).toMatchObject({ kind: 'deleted', position })
    expect((await verify(sound.toSpliced(5, 1))).broken).toMatchObject({ kind: 'file_altered' })
  })

  test('an insertion', async () => {
    const copy = changed(sound[at(3)]!, { position: 6 })
    expect((await verify(sound.toSpliced(at(6), 0, copy))).broken).toMatchObject({ kind: 'inserted', position: 6 })
    expect((await verify(sound.toSpliced(at(6), 0, changed(copy, { position: null, chain: null })))).broken).toMatchObject({
      kind: 'inserted',
    })
  })

  test('a swap of two lines, and of what two lines hold', async () => {
    const [a, b] = [sound[at(6)]!, sound[at(7)]!]
    expect((await verify(sound.toSpliced(at(6), 2, b, a))).broken).toMatchObject({ kind: 'swapped', position: 6 })
    const place = (line: string) => ({ position: JSON.parse(line).position, chain: JSON.parse(line).chain })
    const exchanged = sound.toSpliced(at(6), 2, changed(b, place(a)), changed(a, place(b)))
    expect((await verify(exchanged)).broken).toMatchObject({ kind: 'swapped', position: 6 })
  })

  test('a tail that was cut off: with the footer, before it, and within a line', async () => {
    expect((await verify(sound.slice(0, 8))).broken).toMatchObject({ kind: 'truncated' })
    expect((await verify([...sound.slice(0, at(12)), sound.at(-1)!])).broken).toMatchObject({ kind: 'truncated', position: 12 })
    expect((await verify([...sound.slice(0, 8), sound[8]!.slice(0, 50)])).broken).toMatchObject({ kind: 'file_altered' })
  })

  test('an older export in place of a newer one, by the checkpoints outside', async () => {
    const claims = changed(sound.at(-1)!, { exportedAt: new Date(Date.now() + 3_600_000).toISOString() })
    expect((await verify(sound.with(-1, claims), kept())).broken).toMatchObject({ kind: 'signature' })
  })

  test('an edit with the whole chain made anew: by the checkpoints in the file, and by the footer', async () => {
    const anew = chainAnew(one(5, { actor: 'key:somebody-else' }))
    expect((await verify(anew)).broken).toMatchObject({ kind: 'rewritten', position: 8 })
    const bare = anew.filter((line) => !line.startsWith('{"type":"checkpoint"'))
    expect((await verify(bare)).broken).toMatchObject({ kind: 'file_altered' })
    expect((await verify(bare, kept())).broken).toMatchObject({ kind: 'rewritten', position: 8 })
  })

  test('a file signed anew by another key, by the public key', async () => {
    const other = await startTestApp({
      database: t.database,
      auditSigningKey: 'a secret that somebody else has made up',
      auditInBackground: false,
    })
    try {
      const { text } = await other.owner('GET', '/audit/export')
      const lines = text.split('\n').slice(0, -1)
      expect((await verify(lines)).broken).toMatchObject({ kind: 'signature' })
      const bare = lines.filter((line) => !line.startsWith('{"type":"checkpoint"'))
      expect((await verify(bare)).broken).toMatchObject({ kind: 'signature' })
    } finally {
      await other.stop()
    }
  })

  test('a header, a footer or a line that was changed, and lines behind the footer', async () => {
    expect((await verify(sound.with(0, changed(sound[0]!, { exportedAt: 'never' })))).broken).toMatchObject({ kind: 'file_altered' })
    expect((await verify(sound.with(0, changed(sound[0]!, { chain: '0'.repeat(64) })))).broken).toMatchObject({ kind: 'file_altered' })
    expect((await verify(sound.with(-1, changed(sound.at(-1)!, { count: 11 })))).broken).toMatchObject({ kind: 'signature' })
    expect((await verify([...sound, sound[1]!])).broken).toMatchObject({ kind: 'file_altered' })
    expect((await verify(['nonsense'])).broken).toMatchObject({ kind: 'file_altered' })
    expect((await verify([])).broken).toMatchObject({ kind: 'file_altered' })
  })

  test('checkpoints that were replaced, changed, or have a gap', async () => {
    const lines = kept()
    const altered = { kind: 'checkpoints_altered' }
    expect(
      (
        await verify(
          sound,
          lines.map((line) => line.replace('"position":8', '"position":7')),
        )
      ).broken,
    ).toMatchObject(altered)
    expect(
      (
        await verify(
          sound,
          lines.filter((line) => !line.includes('"number":2,')),
        )
      ).broken,
    ).toMatchObject(altered)
    expect((await verify(sound, lines.slice(1))).broken).toMatchObject(altered)
    const other = await runCli(t.url, 'audit', 'verify', file, '--checkpoints', file)
    expect([other.code, other.lines[0].broken.kind]).toEqual([1, 'checkpoints_altered'])
  })

  test('any one character that is another, wherever it stands', async () => {
    const text = sound.join('\n')
    const places = fc.integer({ min: 0, max: text.lastIndexOf('"signature"') - 1 })
    await fc.assert(
      fc.asyncProperty(places, fc.constantFrom('0', 'a', '"', '}', '\n', ' ', '\u00e9'), async (place, other) => {
        fc.pre(text[place] !== other)
        const changedText = text.slice(0, place) + other + text.slice(place + 1)
        expect((await verify(changedText.split('\n'))).ok).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  /** What whoever can change the file, and has no key, can do. */
  function chainAnew(lines: readonly string[]): string[] {
    const { workspaceId, chain } = JSON.parse(lines[0]!) as Header
    let value = chain
    return lines.map((line) => {
      const entry = JSON.parse(line) as Entry
      if (entry.type !== 'entry') return line
      value = link(value, entryHash(workspaceId, entry))
      return changed(line, { chain: value })
    })
  }
})

describe('the commands', () => {
  test('list shows entries, filtered and limited', async () => {
    const all = await runCli(t.url, 'audit', 'list', '--action', 'prompt.*')
    expect([all.code, all.lines.length]).toEqual([0, 14])
    const { lines } = await runCli(t.url, 'audit', 'list', '--action', 'prompt.created', '--actor', 'bootstrap', '--limit', '2')
    expect(lines.map(({ action }) => action)).toEqual(['prompt.created', 'prompt.created'])
  })

  test('export writes to stdout or a file; verify needs no service, and takes a key as text, in base64 or PEM', async () => {
    const { out } = await runCli(t.url, 'audit', 'export', '--after', '4')
    writeFileSync(join(folder, 'part.ndjson'), out)
    const pem = join(folder, 'key.pem')
    writeFileSync(pem, `-----BEGIN PUBLIC KEY-----\n${publicKey}\n-----END PUBLIC KEY-----\n`)
    const nowhere = 'http://127.0.0.1:1'
    for (const key of [publicKey, pem]) {
      const { code, lines, err } = await runCli(
        nowhere,
        'audit',
        'verify',
        join(folder, 'part.ndjson'),
        '--public-key',
        key,
        '--checkpoints',
        checkpoints,
      )
      expect([code, lines[0].ok, lines[0].first, err]).toEqual([0, true, 5, ''])
    }
    const unsure = await runCli(nowhere, 'audit', 'verify', file)
    expect([unsure.code, unsure.err]).toEqual([0, expect.stringContaining('--public-key')])
  })

  test('verify ends with 1 for what is broken, and with 2 for what it was called wrongly with', async () => {
    const bad = join(folder, 'bad.ndjson')
    writeFileSync(bad, `${sound.slice(0, 4).join('\n')}\n`)
    const { code, lines } = await runCli(t.url, 'audit', 'verify', bad, '--public-key', publicKey)
    expect([code, lines[0].broken.kind]).toEqual([1, 'truncated'])
    expect(await runCli(t.url, 'audit', 'verify', join(folder, 'none'))).toMatchObject({ code: 2, err: expect.stringContaining('no file') })
    expect(await runCli(t.url, 'audit', 'verify', file, '--public-key', 'x')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--public-key'),
    })
  })

  test('export without the permission fails in one line', async () => {
    const { code, err } = await runCli('http://127.0.0.1:1', 'audit', 'export')
    expect([code, err]).toEqual([1, expect.stringMatching(/^error: network\.unreachable: [^\n]*\n$/)])
    const refused = await runCli(t.url, 'audit', 'export', '--api-key', 'ps_wrong')
    expect([refused.code, refused.err]).toEqual([1, expect.stringMatching(/^error: auth\.required: [^\n]*\n$/)])
  })
})
