import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { killIfThere, until } from '../infrastructure/embedded-postgres/testing/sandbox.ts'
import { askerOf } from './testing/ask.ts'
import { installation } from './testing/installation.ts'
import { assertAcknowledged, assertIntegrity } from './testing/integrity.ts'
import { slowestOf, startReaders, tally } from './testing/readers.ts'
import { startWriters } from './testing/writers.ts'

const rounds = Number(process.env.FAULT_ROUNDS ?? 3)
const hot = '/prompts/search/hot/one?label=production'
/** What a request may take at the most: a place in the pool (5 s), then one statement (12 s). */
const boundMs = 17_000

/** A service with one prompt in its cache, readers of it, and writers of others. */
async function underLoad() {
  const here = installation()
  const service = await here.start()
  const ask = askerOf(() => service.url)
  const made = await ask('POST', '/prompts', { category: 'hot', name: 'one', content: 'Hi' })
  expect([made.status, (await ask('GET', hot)).status]).toEqual([201, 200])
  const readers = startReaders(() => service.url, hot)
  const writers = startWriters(() => service.url, 4)
  await until('the load runs', () => writers.acknowledged > 30 && readers.answers.length > 30)
  return { here, service, ask, readers, writers }
}

const acknowledgedAfter = (writers: { acknowledged: number }) => {
  const before = writers.acknowledged
  return until('writes go on', () => writers.acknowledged >= before + 10)
}

test('while PostgreSQL restarts under load, cached prompts are served, writes are told to come again, and all goes on without a restart of the service', {
  timeout: 240_000 + rounds * 30_000,
}, async () => {
  const { here: opened, service, ask, readers, writers } = await underLoad()
  await using here = opened
  for (let round = 0; round < rounds; round++) {
    const before = here.postmaster()!
    process.kill(before, 'SIGINT')
    await until('another server', () => ![before, undefined].includes(here.postmaster()))
    await acknowledgedAfter(writers)
  }
  await Promise.all([readers.stop(), writers.stop()])
  console.log(
    `PostgreSQL restarted ${rounds} times: reads ${JSON.stringify(tally(readers.answers))}, slowest ${slowestOf(readers.answers)} ms; writes ${JSON.stringify(tally(writers.answers))}, slowest ${slowestOf(writers.answers)} ms`,
  )
  expect(Object.keys(tally(readers.answers))).toEqual(['200'])
  expect(Object.keys(tally(writers.answers))).toEqual(['200', '201', '503'])
  for (const { headers } of writers.answers.filter(({ status }) => status === 503))
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
  expect(slowestOf([...readers.answers, ...writers.answers])).toBeLessThan(boundMs)
  expect((await ask('GET', '//readyz')).body).toEqual({ ready: true, reasons: [] })
  await assertAcknowledged(service.url, writers)
  await assertIntegrity(here)
})

test('while PostgreSQL is frozen, cached prompts are served and marked as stale, no request hangs, and all goes on afterwards', async () => {
  const { here: opened, service, ask, readers, writers } = await underLoad()
  await using here = opened
  const frozen = here.backends()
  for (const pid of frozen) killIfThere(pid, 'SIGSTOP')
  const readBefore = readers.answers.length
  await sleep(5_000)
  const health = await ask('GET', '//readyz')
  for (const pid of frozen) killIfThere(pid, 'SIGCONT')
  const meanwhile = readers.answers.slice(readBefore)
  await acknowledgedAfter(writers)
  await until('nothing is stale any more', async () => (await ask('GET', hot)).headers['x-prompt-stale'] === undefined)
  await Promise.all([readers.stop(), writers.stop()])
  const stale = meanwhile.filter(({ headers }) => headers['x-prompt-stale'] === 'true')
  console.log(
    `PostgreSQL frozen for 5 s: ${meanwhile.length} reads ${JSON.stringify(tally(meanwhile))}, ${stale.length} stale, slowest ${slowestOf(readers.answers)} ms; writes ${JSON.stringify(tally(writers.answers))}, slowest ${slowestOf(writers.answers)} ms`,
  )
  expect(Object.keys(tally(readers.answers))).toEqual(['200'])
  expect(stale.length).toBeGreaterThan(0)
  for (const { headers } of stale) expect(Number(headers.age)).toBeGreaterThanOrEqual(1)
  expect([health.status, health.body.reasons.length]).toEqual([503, 2])
  expect(Object.keys(tally(writers.answers)).filter((status) => !['200', '201', '503'].includes(status))).toEqual([])
  expect(slowestOf([...readers.answers, ...writers.answers])).toBeLessThan(boundMs)
  await assertAcknowledged(service.url, writers)
  await assertIntegrity(here)
})
