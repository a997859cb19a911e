import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Call, startTestApp, type TestApp } from '../../testing/index.ts'
import { aKeyWith } from '../access/testing/rights-kit.ts'
import { placed } from './testing/log-kit.ts'
import { openStream, type Stream } from './testing/stream-kit.ts'

const patience = { interval: 20 }
let t: TestApp
const open: Stream[] = []
beforeEach(async () => {
  t = await startTestApp()
})
afterEach(async () => {
  for (const stream of open.splice(0)) stream.close()
  await t.stop()
})

const stream = async (...args: [query?: string, options?: Parameters<typeof openStream>[2]]) => {
  const opened = await openStream(t.url, ...args)
  open.push(opened)
  return opened
}
const trigger = (n: number, fields: Record<string, unknown> = {}, call: Call = t.owner) =>
  call('POST', '/notifications/trigger', { type: 'custom.counted', data: { n }, ...fields })
const begun = (one: Stream) => expect.poll(() => one.frames[0]?.event, patience).toBe('position')
const told = (one: Stream, numbers: unknown[]) => expect.poll(one.numbers, patience).toEqual(numbers)

describe('the stream of events', () => {
  test('tells what happens from now on, to all who listen, with cursors as ids', async () => {
    await trigger(0)
    await placed(t)
    const streams = [await stream(), await stream('?type=custom.*'), await stream('?type=custom.other'), await stream('?subject=it')]
    for (const one of streams) await begun(one)
    await trigger(1)
    await trigger(2, { type: 'custom.other', subject: 'it' })
    const [all, custom, other, subject] = streams as [Stream, Stream, Stream, Stream]
    await told(all, [1, 2])
    await told(custom, [1, 2])
    await told(other, [2])
    await told(subject, [2])
    const [, first] = all.frames
    expect(first!.data).toEqual((await t.owner('GET', `/notifications/events?cursor=${all.frames[0]!.id}`)).body.items[0])
    const rest = await t.owner('GET', `/notifications/events?cursor=${first!.id}`)
    expect(rest.body.items.map(({ data }: { data: { n: number } }) => data.n)).toEqual([2])
  })

  test('goes on after Last-Event-ID, also from before anything was told, and ends with what is there when asked to', async () => {
    const first = await stream()
    await begun(first)
    first.close()
    for (let n = 0; n < 450; n++) await trigger(n)
    await placed(t)
    const second = await stream('?seconds=0', { lastEventId: first.frames[0]!.id })
    await second.ended
    expect(second.numbers()).toEqual(Array.from({ length: 450 }, (_, n) => n))
    const third = await stream('', { lastEventId: second.frames[300]!.id })
    await told(
      third,
      Array.from({ length: 150 }, (_, n) => n + 300),
    )
    await trigger(450)
    await told(
      third,
      Array.from({ length: 151 }, (_, n) => n + 300),
    )
    const fourth = await stream(`?seconds=0&cursor=${second.frames[449]!.id}&type=custom.*`)
    await fourth.ended
    expect(fourth.numbers()).toEqual([449, 450])
  })

  test('begins at a time', async () => {
    await trigger(1)
    await sleep(5)
    const since = new Date().toISOString()
    await trigger(2)
    await placed(t)
    await told(await stream(`?since=${since}`), [2])
  })

  test('refuses, before it begins, cursors that are not its own, and queries of a wrong form', async () => {
    for (const [query, options, status] of [
      ['', { lastEventId: 'x' }, 400],
      ['?cursor=x', {}, 400],
      ['?seconds=301', {}, 400],
      ['?since=now', {}, 400],
      ['?type=Prompt', {}, 400],
    ] as const)
      await expect(stream(query, options)).rejects.toThrow(`answered ${status}`)
  })

  test('tells each workspace its own events, and who is limited to categories these alone', async () => {
    const limited = await aKeyWith(t, { permissions: ['prompts:read', 'notifications:read'], categories: ['open'] })
    const stranger = await t.stranger()
    await placed(t)
    const [mine, narrow] = [await stream(), await stream('', { key: limited.key })]
    for (const one of [mine, narrow]) await begun(one)
    await trigger(1, {}, stranger)
    for (const category of ['closed', 'open']) await t.owner('POST', '/prompts', { content: 'Hi', category, name: 'n' })
    const categories = (one: Stream) => one.frames.filter(({ event }) => event === 'message').map(({ data }) => data.data.category)
    await expect.poll(() => categories(mine), patience).toEqual(['closed', 'closed', 'open', 'open'])
    await expect.poll(() => categories(narrow), patience).toEqual(['open', 'open'])
  })

  test('waits for a caller that takes nothing, and tells it all when it takes again', async () => {
    const slow = await stream()
    const quick = await stream()
    for (const one of [slow, quick]) await begun(one)
    slow.pause()
    const text = 'x'.repeat(60_000)
    for (let n = 0; n < 300; n++) await trigger(n, { data: { n, text } })
    const all = Array.from({ length: 300 }, (_, n) => n)
    await told(quick, all)
    expect(slow.numbers().length).toBeLessThan(300)
    slow.resume()
    await told(slow, all)
  })

  test('ends when the service does, and when the store is set back to an earlier state', async () => {
    const one = await stream()
    await begun(one)
    for (let n = 0; n < 3; n++) await trigger(n)
    await told(one, [0, 1, 2])
    await placed(t)
    await t.database.query(
      'with old as (select max(position) - 2 as position from outbox) delete from outbox where position > (select position from old)',
    )
    await t.database.query('update feed_head set position = (select max(position) from outbox)')
    await one.ended
    await expect(stream('', { lastEventId: one.frames.at(-1)!.id })).rejects.toThrow('answered 410')
    const other = await stream()
    await begun(other)
    await trigger(9)
    await told(other, [9])
  })
})

test('two instances: each tells what the other wrote, and a hundred streams cost one read at each signal', async () => {
  const other = await startTestApp({ database: t.database })
  try {
    const streams = await Promise.all(Array.from({ length: 100 }, () => stream('?type=custom.*')))
    for (const one of streams) await begun(one)
    const reads = async () =>
      (
        await t.database.query<{ n: number }>(
          `select coalesce(sum(idx_scan), 0)::int as n from pg_stat_user_indexes where indexrelname in ('outbox_by_position', 'outbox_by_workspace')`,
        )
      )[0]!.n
    await sleep(1_500)
    const before = await reads()
    for (let n = 0; n < 20; n++) await trigger(n, {}, other.owner)
    for (const one of streams)
      await told(
        one,
        Array.from({ length: 20 }, (_, n) => n),
      )
    await sleep(1_500)
    // Feed and index look too, some times for each event; a read for each stream would be thousands.
    expect((await reads()) - before).toBeLessThan(1_500)
  } finally {
    await other.stop()
  }
})
