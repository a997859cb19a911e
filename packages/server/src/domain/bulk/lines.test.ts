import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootstrapKey, startTestApp, type TestApp } from '../../testing/index.ts'
import { bulk, linesOf, ndjson, outcomesOf, over, type Told } from './testing/bulk-kit.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

const operations = async () => (await t.database.query<{ n: number }>('select count(*)::int as n from bulk_operation'))[0]!.n

test('prompts are created from lines, with the options in the query; a broken line is its own problem', async () => {
  const lines = [
    '{"content":"one","category":"lines","name":"one"}',
    '{"content":',
    '',
    '  \r',
    '{"content":"a\\u0000b"}',
    'null',
    '\t{"content":"last","category":"lines","name":"last"} \r',
  ].join('\n')
  const answer = await bulk(t.owner, 'POST', '/bulk/prompts', lines, ndjson)
  expect(outcomesOf(answer)).toEqual(['succeeded', 'request.malformed', 'request.text_unstorable', 'request.invalid', 'succeeded'])
  expect(answer.body.counts).toEqual({ succeeded: 2, failed: 3, skipped: 0 })
  const dry = await bulk(t.owner, 'POST', '/bulk/prompts?dryRun=true', '{"content":"dry","category":"lines"}', ndjson)
  expect([dry.body.dryRun, outcomesOf(dry)]).toEqual([true, ['succeeded']])
  expect((await t.owner('GET', '/prompts/category/lines?includeTotal=true')).body.total).toBe(2)
})

test('a broken line refuses all of an atomic operation', async () => {
  const lines = '{"content":"one","category":"atomic lines"}\nbroken\n{"content":"two","category":"atomic lines"}'
  const answer = await bulk(t.owner, 'POST', '/bulk/prompts?atomic=true', lines, ndjson)
  expect([answer.body.status, outcomesOf(answer)]).toEqual(['failed', ['skipped', 'request.malformed', 'skipped']])
  expect((await t.owner('GET', '/prompts/category/atomic%20lines')).body.items).toEqual([])
})

test('a line that is not UTF-8, and one that is longer than 8 MiB, fail by themselves, in an atomic operation too', async () => {
  const bytes = Buffer.concat([
    Buffer.from([0x22, 0xff, 0xfe, 0x22, 0x0a, 0x61, 0x00, 0x0a]),
    Buffer.from(`{"content":"${'x'.repeat(8 * 1024 * 1024)}"}\n`),
    Buffer.from('{"content":"good","category":"bytes"}\n'),
  ])
  const send = async (query: string) => {
    const response = await fetch(`${t.url}/api/v1/bulk/prompts${query}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bootstrapKey}`, ...ndjson, prefer: 'wait=30' },
      body: bytes,
    })
    return (await response.json()) as { status: string; items: Told[] }
  }
  const codes = ['request.malformed', 'request.malformed', 'bulk.item_too_large']
  const done = await send('')
  expect(done.items.map(({ problem, outcome }) => problem?.code ?? outcome)).toEqual([...codes, 'succeeded'])
  const refused = await send('?atomic=true')
  expect([refused.status, refused.items.map(({ problem, outcome }) => problem?.code ?? outcome)]).toEqual(['failed', [...codes, 'skipped']])
})

test('changes and deletions come as lines too', async () => {
  const ids: string[] = []
  for (const n of [1, 2]) ids.push((await t.owner('POST', '/prompts', { content: `c${n}`, category: 'by lines' })).body.id)
  const changed = await bulk(t.owner, 'PUT', '/bulk/prompts', linesOf(ids.map((id) => ({ id, content: 'changed' }))), ndjson)
  expect(changed.body.items.map(({ version }: Told) => version)).toEqual([2, 2])
  const deleted = await bulk(t.owner, 'DELETE', '/bulk/prompts', linesOf([{ id: ids[0] }, { id: ids[0] }]), ndjson)
  expect(outcomesOf(deleted)).toEqual(['succeeded', 'prompt.not_found'])
  const forced = await bulk(t.owner, 'POST', '/bulk/prompts/delete', linesOf([{ id: ids[1], force: true }]), ndjson)
  expect(outcomesOf(forced)).toEqual(['succeeded'])
})

test('12,000 lines that come in pieces are taken as they come, and all are done', async () => {
  const pieces = function* () {
    for (let n = 0; n < 12_000; n += 100)
      yield linesOf(Array.from({ length: 100 }, (_, i) => ({ content: `piece ${n + i}`, category: 'pieces', name: `p${n + i}` }))).replace(
        /(.{97})/,
        '$1',
      )
  }
  const response = await fetch(`${t.url}/api/v1/bulk/prompts`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bootstrapKey}`, ...ndjson },
    body: Readable.toWeb(Readable.from(pieces()).map((text: string) => Buffer.from(text))) as never,
    duplex: 'half',
  } as RequestInit)
  expect(response.status).toBe(202)
  const { id } = (await response.json()) as { id: string }
  expect((await over(t.owner, id)).body.counts).toEqual({ succeeded: 12_000, failed: 0, skipped: 0 })
  const [made] = await t.database.query(
    `select count(*)::int as prompts, count(distinct name)::int as names from prompt where category = 'pieces'`,
  )
  expect(made).toEqual({ prompts: 12_000, names: 12_000 })
}, 60_000)

test('no line at all, and more lines than an atomic operation takes, are refused, and nothing is kept of them', async () => {
  const before = await operations()
  const none = await t.owner('POST', '/bulk/prompts', '\n \n', ndjson)
  expect([none.status, none.body.code]).toEqual([422, 'bulk.no_items'])
  const many = await t.owner('POST', '/bulk/prompts?atomic=true', '{}\n'.repeat(10_001), ndjson)
  expect([many.status, many.body.code]).toEqual([422, 'bulk.too_many_items'])
  expect(await operations()).toBe(before)
})

test('lines that break off leave nothing behind', async () => {
  const before = await operations()
  await new Promise<void>((resolve) => {
    const { hostname, port } = new URL(t.url)
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `POST /api/v1/bulk/prompts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bootstrapKey}\r\nContent-Type: application/x-ndjson\r\nContent-Length: 100000\r\n\r\n{"content":"x"}\n{"con`,
      )
      setTimeout(() => socket.destroy(), 100)
    })
    socket.on('close', () => resolve())
  })
  await expect.poll(operations).toBe(before)
})

test('an Idempotency-Key is not taken with lines, nor are lines where there is one thing to say', async () => {
  const keyed = await t.owner('POST', '/bulk/prompts', '{}', { ...ndjson, 'idempotency-key': 'k' })
  expect([keyed.status, keyed.body.code]).toEqual([400, 'request.invalid'])
  for (const path of ['/prompts', '/prompts/batch-get']) {
    const answer = await t.owner('POST', path, '{"content":"x"}', ndjson)
    expect([answer.status, answer.body.code]).toEqual([415, 'request.media_type'])
  }
})
