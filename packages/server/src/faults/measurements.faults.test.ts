import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { until } from '../infrastructure/embedded-postgres/testing/sandbox.ts'
import { askerOf } from './testing/ask.ts'
import { installation } from './testing/installation.ts'

const rounds = Number(process.env.FAULT_ROUNDS ?? 3)

/** Callers that tell events until they are stopped, and come again with the same ones where they got no answer. */
function startTellers(url: () => string, promptId: string, clients = 6) {
  const told = { acknowledged: new Set<string>(), statuses: new Set<number>() }
  let stopped = false
  const running = Array.from({ length: clients }, async (_, client) => {
    const ask = askerOf(url)
    for (let n = 0; !stopped; n++) {
      const size = 1 + ((client + n) % 5)
      const items = Array.from({ length: size }, (_, i) => ({
        eventId: `${client}-${n}-${i}`,
        promptId,
        provider: 'openai',
        model: i % 2 ? 'gpt-4o' : 'unheard-of',
        inputTokens: n,
        outputTokens: i,
        latencyMs: n % 97,
        success: n % 7 !== 0,
        userId: `user ${n % 5}`,
        occurredAt: new Date(Date.now() - (n % 50) * 3_600_000).toISOString(),
      }))
      for (let known = false; !known && !stopped; ) {
        const { status, body } = await ask('POST', '/analytics/usage', { items })
        told.statuses.add(status)
        known = status === 202
        if (known) {
          expect(body.accepted + body.duplicates).toBe(size)
          for (const { eventId } of items) told.acknowledged.add(eventId)
        } else await sleep(20)
      }
    }
  })
  return {
    ...told,
    async stop() {
      stopped = true
      await Promise.all(running)
    },
  }
}

const recount = `select at::text, series, requests::text, tokens::text from (
  select date_trunc('hour', occurred_at at time zone 'UTC') as at, series, count(*) as requests, sum(input_tokens + output_tokens) as tokens from usage_event group by 1, 2) e order by 1, 2`
const counted = `select (at at time zone 'UTC')::text as at, series, requests::text, (input_tokens + output_tokens)::text as tokens
  from usage_rollup where grain = 0 and series > 0 order by 1, 2`
const uncounted = 'select 1 from usage_event where xid >= (select horizon from usage_fold) limit 1'

test('when service and database are killed during ingest and counting, what was acknowledged is there once, and the rollups equal a recount', {
  timeout: 240_000 + rounds * 40_000,
}, async () => {
  await using here = installation()
  let service = await here.start()
  const made = await askerOf(() => service.url)('POST', '/prompts', { content: 'Measured' })
  const tellers = startTellers(() => service.url, made.body.id)
  for (let round = 0; round < rounds; round++) {
    const goal = tellers.acknowledged.size + 300
    await until('300 more events are acknowledged', () => tellers.acknowledged.size >= goal, 60_000)
    await sleep(Math.random() * 1_500) // somewhere between two passes of the fold, or in one
    if (round % 2 === 0) {
      service.signal('SIGKILL')
      await service.ended
      service = await here.start()
    } else {
      const before = here.postmaster()!
      process.kill(before, 'SIGKILL')
      await until('another server', () => ![before, undefined].includes(here.postmaster()), 60_000)
    }
  }
  await tellers.stop()
  await until('all is counted', async () => (await here.query(uncounted).catch(() => [1])).length === 0, 60_000)
  const [stored] = await here.query<{ rows: number; ids: number }>(
    'select (select count(*)::int from usage_event) as rows, (select count(*)::int from usage_event_id) as ids',
  )
  console.log(`${rounds} kills: ${tellers.acknowledged.size} events acknowledged, ${stored!.rows} stored, answers ${[...tellers.statuses]}`)
  expect(stored!.rows).toBe(stored!.ids)
  expect(stored!.rows).toBeGreaterThanOrEqual(tellers.acknowledged.size)
  const again = askerOf(() => service.url)
  const ids = [...tellers.acknowledged]
  for (let at = 0; at < ids.length; at += 1_000) {
    const event = { promptId: made.body.id, provider: 'p', model: 'm', inputTokens: 0, outputTokens: 0, latencyMs: 0, success: true }
    const items = ids.slice(at, at + 1_000).map((eventId) => ({ ...event, eventId }))
    expect((await again('POST', '/analytics/usage', { items })).body).toMatchObject({ accepted: 0, duplicates: items.length })
  }
  expect(await here.query(counted)).toEqual(await here.query(recount))
})
