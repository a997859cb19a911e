import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { killIfThere, until } from '../infrastructure/embedded-postgres/testing/sandbox.ts'
import { askerOf } from './testing/ask.ts'
import { installation, ownerKey } from './testing/installation.ts'
import { assertAcknowledged, assertIntegrity } from './testing/integrity.ts'
import { startWriters } from './testing/writers.ts'

const rounds = Number(process.env.FAULT_ROUNDS ?? 3)
const hot = '/api/v1/prompts/search/hot/one'

type Outcome = { status: number; closed: boolean; error?: string }

/** One client on one keep-alive connection. It sends request after request, and ends when it is told `Connection: close`. */
async function client(url: string, outcomes: Outcome[], path: string): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (;;) {
    const outcome = await once(agent, url + path)
    outcomes.push(outcome)
    if (outcome.closed || outcome.error) break
    await sleep(Math.random() * 5)
  }
  agent.destroy()
}

const once = (agent: Agent, url: string): Promise<Outcome> =>
  new Promise((done) => {
    const sent = request(url, { agent, headers: { authorization: `Bearer ${ownerKey}` } }, (response) => {
      response.resume()
      response.on('end', () => done({ status: response.statusCode!, closed: response.headers.connection === 'close' }))
      response.on('error', (error) => done({ status: 0, closed: false, error: error.message }))
    })
    sent.on('error', (error) => done({ status: 0, closed: false, error: error.message }))
    sent.end()
  })

test('at SIGTERM no request in flight fails, on the hot path or beside it, and the service ends with 0', {
  timeout: 240_000 + rounds * 20_000,
}, async () => {
  await using here = installation()
  let requests = 0
  for (let round = 0; round < rounds; round++) {
    const service = await here.start()
    await askerOf(() => service.url)('POST', '/prompts', { category: 'hot', name: 'one', content: 'Hi' })
    const outcomes: Outcome[] = []
    const paths = [hot, '/api/v1/prompts?limit=5', `${hot}?label=production`, '/health']
    const clients = Array.from({ length: 16 }, (_, i) => client(service.url, outcomes, paths[i % paths.length]!))
    await until('the load runs', () => outcomes.length > 200)
    service.signal('SIGTERM')
    await Promise.all(clients)
    expect(await service.ended).toEqual({ code: 0, signal: null })
    expect(outcomes.filter(({ error, status }) => error !== undefined || ![200].includes(status))).toEqual([])
    requests += outcomes.length
  }
  console.log(`SIGTERM under load, ${rounds} rounds: ${requests} requests, none failed`)
})

test('at SIGTERM writes in flight are finished and told', async () => {
  await using here = installation()
  const service = await here.start()
  const writers = startWriters(() => service.url)
  await until('writes', () => writers.acknowledged > 50)
  service.signal('SIGTERM')
  expect(await service.ended).toEqual({ code: 0, signal: null })
  await writers.stop()
  expect(here.postmaster()).toBeUndefined()
  const again = await here.start()
  await assertAcknowledged(again.url, writers)
  await assertIntegrity(here)
})

test('a second signal ends the service at once, and nothing acknowledged is lost', async () => {
  await using here = installation()
  const service = await here.start()
  const writers = startWriters(() => service.url)
  await until('writes', () => writers.acknowledged > 50)
  service.signal('SIGTERM')
  service.signal('SIGINT')
  expect(await service.ended).toEqual({ code: 1, signal: null })
  await writers.stop()
  const again = await here.start()
  await assertAcknowledged(again.url, writers)
  await assertIntegrity(here)
})

// These wait more than they work: together.
test.concurrent('SIGTERM at any moment of the start leaves nothing that the next start cannot take up', async () => {
  await using here = installation()
  for (const afterMs of [50, 200, 400, 700, 1_100, 1_600]) {
    const started = here.launch('main.ts')
    await sleep(afterMs)
    started.signal('SIGTERM')
    const { code, signal } = await started.ended
    expect(code === 0 || signal === 'SIGTERM', started.output()).toBe(true)
    expect(started.output()).not.toContain('nhandled')
  }
  const service = await here.start()
  expect((await askerOf(() => service.url)('POST', '/prompts', { content: 'Hi' })).status).toBe(201)
  await assertIntegrity(here)
})

test.concurrent('a database that is frozen does not keep the service from ending: after 25 s at most it gives up waiting', async () => {
  await using here = installation()
  const service = await here.start()
  const frozen = here.backends()
  for (const pid of frozen) killIfThere(pid, 'SIGSTOP')
  service.signal('SIGTERM')
  const { code, signal } = await service.ended
  // In order, by the patience of its waits, unless a query is open that may take 30 s: the sealer's, the queue's.
  expect([code, signal]).toEqual([service.log().includes('the service could not close in time') ? 1 : 0, null])
  for (const pid of frozen) killIfThere(pid, 'SIGCONT')
})

test.concurrent('the service ends when it cannot listen, with one line that says why', async () => {
  await using here = installation()
  const first = await here.start()
  const second = here.launch('main.ts', { PORT: new URL(first.url).port, LOG_LEVEL: 'silent' })
  expect(await second.ended).toEqual({ code: 1, signal: null })
  expect(second.output()).toMatch(/^The service could not start: .*EADDRINUSE.*\n$/)
  expect((await askerOf(() => first.url)('GET', '//readyz')).status).toBe(200)
})
