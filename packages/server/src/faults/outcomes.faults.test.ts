import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { until } from '../infrastructure/embedded-postgres/testing/sandbox.ts'
import { askerOf } from './testing/ask.ts'
import { installation } from './testing/installation.ts'

const rounds = Number(process.env.FAULT_ROUNDS ?? 2)

/** Callers that are served a variant, tell an outcome and a use of it, and come again with the same where they got no answer. */
function startCallers(url: () => string, testId: string, promptId: string, clients = 6) {
  const told = { outcomes: new Set<string>(), uses: new Set<string>() }
  let stopped = false
  const running = Array.from({ length: clients }, async (_, client) => {
    const ask = askerOf(url)
    const again = async (work: () => Promise<{ status: number }>, status: number) => {
      while (!stopped && (await work()).status !== status) await sleep(20)
    }
    for (let n = 0; !stopped; n++) {
      const unitId = `unit ${client} ${n % 40}`
      const eventId = `${client}-${n}`
      if (n % 3 > 0) await again(() => ask('GET', `/ab-tests/${testId}/select?unitId=${encodeURIComponent(unitId)}`), 200)
      await again(
        () =>
          ask('POST', `/optimization/ab-tests/${testId}/results`, { items: [{ unitId, eventId, success: n % 4 > 0, latencyMs: n % 97 }] }),
        202,
      )
      if (!stopped) told.outcomes.add(eventId)
      const use = {
        promptId,
        provider: 'p',
        model: 'm',
        inputTokens: n,
        outputTokens: 1,
        latencyMs: 5,
        success: true,
        eventId,
        experiment: { testId, unitId },
      }
      await again(() => ask('POST', '/analytics/usage', { items: [use] }), 202)
      if (!stopped) told.uses.add(eventId)
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

const uncounted = `select 1 from usage_event where xid >= (select horizon from usage_fold) union all select 1 from ab_outcome where xid >= (select horizon from ab_fold)
  union all select 1 from ab_exposure where xid >= (select horizon from ab_fold) limit 1`
/** Each unit has one variant here: what its outcomes since its exposure add up to, from the raw rows. */
const recount = `
  select x.variant, m.metric, count(distinct o.unit_hash)::int as units, count(*)::text as n, sum(m.value)::text as sum
  from ab_outcome o join ab_exposure x using (workspace_id, test_id, unit_hash)
  cross join lateral (values (0, o.success::bigint), (2, o.latency_us), (4, o.tokens)) as m (metric, value)
  where m.value is not null and x.first_at <= o.at + interval '10 seconds' group by 1, 2 order by 1, 2`
const counted = `select variant, metric::int, units::int, n::text, sum::text from ab_sum where metric in (0, 2, 4) and units > 0 order by 1, 2`

test('when the service is killed while outcomes, exposures and uses come, each is counted once and the sums equal a recount', {
  timeout: 240_000 + rounds * 40_000,
}, async () => {
  await using here = installation()
  let service = await here.start()
  const ask = askerOf(() => service.url)
  const promptId = (await ask('POST', '/prompts', { content: 'Tested' })).body.id
  const variants = ['A', 'B'].map((key) => ({ key, promptId, version: 1, weight: 1 }))
  const made = await ask('POST', '/optimization/ab-tests', {
    name: 'killed',
    variants,
    metric: { primary: 'success', direction: 'higher' },
    start: true,
  })
  expect(made.status).toBe(201)
  const callers = startCallers(() => service.url, made.body.id, promptId)
  for (let round = 0; round < rounds; round++) {
    const goal = callers.uses.size + 100
    await until('100 more uses are acknowledged', () => callers.uses.size >= goal, 60_000)
    await sleep(Math.random() * 1_500) // somewhere between two passes, or in one
    service.signal('SIGKILL')
    await service.ended
    service = await here.start()
  }
  await callers.stop()
  await until('all is counted', async () => (await here.query(uncounted).catch(() => [1])).length === 0, 60_000)
  const [stored] = await here.query<{ outcomes: number; ids: number; uses: number }>(
    `select (select count(*)::int from ab_outcome where latency_us is distinct from 5000 or tokens is null) as outcomes, (select count(*)::int from ab_outcome_id) as ids,
      (select count(*)::int from ab_outcome where tokens is not null) as uses`,
  )
  const [{ used }] = (await here.query<{ used: number }>('select count(*)::int as used from usage_event')) as [{ used: number }]
  console.log(
    `${rounds} kills: ${callers.outcomes.size} outcomes and ${callers.uses.size} uses acknowledged, ${stored!.ids} and ${used} stored`,
  )
  expect(stored).toMatchObject({ outcomes: stored!.ids, uses: used })
  expect(stored!.ids).toBeGreaterThanOrEqual(callers.outcomes.size)
  expect(used).toBeGreaterThanOrEqual(callers.uses.size)
  expect(await here.query(counted)).toEqual(await here.query(recount))
})
