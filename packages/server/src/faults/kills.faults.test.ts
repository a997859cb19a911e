import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { until } from '../infrastructure/embedded-postgres/testing/sandbox.ts'
import { askerOf } from './testing/ask.ts'
import { installation } from './testing/installation.ts'
import { assertAcknowledged, assertIntegrity } from './testing/integrity.ts'
import { type Ledger, startWriters } from './testing/writers.ts'

const rounds = Number(process.env.FAULT_ROUNDS ?? 3)
const timeout = 240_000 + rounds * 30_000

/** Let the writers come so far, and then a random bit further. */
async function writesGoOn(writers: Ledger, atLeast: number): Promise<void> {
  const goal = writers.acknowledged + atLeast
  await until(`${atLeast} more writes are acknowledged`, () => writers.acknowledged >= goal)
  await sleep(Math.random() * 100)
}

const statusesOf = ({ answers }: Ledger) => [...new Set(answers.map(({ status }) => status))].sort((a, b) => a - b)

test('when the service is killed during a stream of writes, everything acknowledged is there after the next start, and nothing half', {
  timeout,
}, async () => {
  await using here = installation()
  let service = await here.start()
  const writers = startWriters(() => service.url)
  for (let round = 0; round < rounds; round++) {
    await writesGoOn(writers, 60)
    service.signal('SIGKILL')
    await service.ended
    service = await here.start()
  }
  await writesGoOn(writers, 10)
  await writers.stop()
  console.log(`kill -9 of the service, ${rounds} rounds: ${writers.acknowledged} writes acknowledged, answers ${statusesOf(writers)}`)
  await assertAcknowledged(service.url, writers)
  await assertIntegrity(here)
  expect(writers.answers.filter(({ status }) => status >= 500)).toEqual([])
})

test('when PostgreSQL is killed during a stream of writes, callers are told to come again, and it comes back by itself with everything acknowledged', {
  timeout,
}, async () => {
  await using here = installation()
  const service = await here.start()
  const writers = startWriters(() => service.url)
  const awayMs: number[] = []
  for (let round = 0; round < rounds; round++) {
    await writesGoOn(writers, 60)
    const before = here.postmaster()!
    process.kill(before, 'SIGKILL')
    const killed = performance.now()
    await until('another server', () => ![before, undefined].includes(here.postmaster()))
    await writesGoOn(writers, 1)
    awayMs.push(Math.round(performance.now() - killed))
  }
  await writesGoOn(writers, 10)
  await writers.stop()
  console.log(
    `kill -9 of PostgreSQL: ${writers.acknowledged} writes acknowledged, ms until writes went on: ${awayMs.join(' ')}, answers ${statusesOf(writers)}`,
  )
  await assertAcknowledged(service.url, writers)
  await assertIntegrity(here)
  const refused = writers.answers.filter(({ status }) => ![200, 201].includes(status))
  expect(refused.length).toBeGreaterThan(0)
  for (const { status, headers, body } of refused) {
    expect([status, headers['content-type'], body.code]).toEqual([503, 'application/problem+json; charset=utf-8', 'service.unavailable'])
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
  }
  expect((await askerOf(() => service.url)('GET', '//readyz')).body).toEqual({ ready: true, reasons: [] })
})
