import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { until } from '../infrastructure/embedded-postgres/testing/sandbox.ts'
import { type Ask, askerOf } from './testing/ask.ts'
import { type Installation, installation, type Process } from './testing/installation.ts'
import { assertIntegrity } from './testing/integrity.ts'

const rounds = Number(process.env.FAULT_ROUNDS ?? 3)
const prompts = 60

/** A rule that publishes the prompts of a category of its own; and these. */
async function prepare(ask: Ask, round: number, limit: number): Promise<{ ruleId: string; ids: string[] }> {
  const category = `round ${round}`
  const ids: string[] = []
  for (let n = 0; n < prompts; n++) ids.push((await ask('POST', '/prompts', { content: 'Hi', category, name: `prompt ${n}` })).body.id)
  const action = { kind: 'move_status', status: 'published' }
  const rule = { name: `rule ${round}`, condition: 'status == "draft"', scope: { categories: [category] }, action, limit, enabled: false }
  const { body } = await ask('PUT', '/lifecycle/automations', { items: [rule] })
  return { ruleId: body.items[0].id, ids }
}

const statusOf = async (ask: Ask, runId: string): Promise<string> => (await ask('GET', `/lifecycle/automations/runs/${runId}`)).body?.status

/** Start a run; every other one stops for its confirmation, and is killed after that. @returns the run's id */
async function begin(ask: Ask, ruleId: string, asks: boolean): Promise<string> {
  const { status, body } = await ask('POST', `/lifecycle/automations/${ruleId}/run`, {})
  expect(status).toBe(202)
  if (!asks) return body.id
  await until('the run asks', async () => (await statusOf(ask, body.id)) === 'needs_confirmation')
  expect((await ask('POST', `/lifecycle/automations/runs/${body.id}/confirm`, {})).status).toBe(202)
  return body.id
}

/** Let a run come so far: to its beginning, or until it has done some of its prompts. */
async function comesTo(ask: Ask, runId: string, goal: number): Promise<void> {
  if (goal % 5 === 0) return // killed while it is taken in hand, or examines
  await until(`${goal} prompts are done`, async () => {
    const { body } = await ask('GET', `/lifecycle/automations/runs/${runId}`)
    return body.counts?.applied >= goal
  })
}

/** What the queue does once it takes a worker for dead; how it finds out is tested where the queue is. */
const giveBack = ({ query }: Installation) =>
  query(`update pgboss.job set state = 'retry', start_after = now() where name = 'lifecycle.run_automation' and state = 'active'`)

async function assertDoneOnce({ query }: Installation, runId: string, ids: readonly string[]): Promise<void> {
  const [found] = await query(
    `select (select count(*) from prompt where id = any($1) and status = 'published')::int as published,
       (select count(*) from lifecycle_move where prompt_id = any($1))::int as moves,
       (select count(*) from outbox where subject = any($1::text[]) and type = 'prompt.status_changed')::int as told,
       (select count(*) from lifecycle_automation_outcome where run_id = $2 and outcome = 'applied')::int as applied,
       (select count(*) from outbox where type = 'automation.ran' and data->>'runId' = $2::text)::int as ended`,
    [ids, runId],
  )
  expect(found).toEqual({ published: prompts, moves: prompts, told: prompts, applied: prompts, ended: 1 })
}

test('a worker that is killed at any step of an automation loses no prompt and moves none twice', {
  timeout: 240_000 + rounds * 60_000,
}, async () => {
  await using here = installation()
  let service: Process = await here.start()
  const ask = askerOf(() => service.url)
  const doneBefore: number[] = []
  for (let round = 0; round < rounds; round++) {
    const asks = round % 2 === 1
    const { ruleId, ids } = await prepare(ask, round, asks ? 1 : 1_000)
    const runId = await begin(ask, ruleId, asks)
    await comesTo(ask, runId, Math.floor(Math.random() * prompts))
    await sleep(Math.random() * 30)
    service.signal('SIGKILL')
    await service.ended
    const killed = new Date().toISOString()
    service = await here.start()
    await giveBack(here)
    await until('the run is over', async () => (await statusOf(ask, runId)) === 'succeeded', 60_000)
    await assertDoneOnce(here, runId, ids)
    const before = `select count(*)::int as n from lifecycle_automation_outcome where run_id = $1 and at <= $2`
    doneBefore.push((await here.query<{ n: number }>(before, [runId, killed]))[0]!.n)
  }
  console.log(`kill -9 during automations of ${prompts} prompts, ${rounds} rounds: done before the kill: ${doneBefore.join(' ')}`)
  await assertIntegrity(here)
})

test('a start that is killed is there wholly or not at all', { timeout: 240_000 + rounds * 30_000 }, async () => {
  await using here = installation()
  let service: Process = await here.start()
  const ask = askerOf(() => service.url)
  const { ruleId, ids } = await prepare(ask, 0, 1_000)
  for (let round = 0; round < rounds; round++) {
    const answer = ask('POST', `/lifecycle/automations/${ruleId}/run`, { reason: `round ${round}` })
    await sleep(Math.random() * 15)
    service.signal('SIGKILL')
    await service.ended
    const { status, body } = await answer
    service = await here.start()
    await giveBack(here)
    const runs = (await ask('GET', `/lifecycle/automations/runs?automationId=${ruleId}`)).body.items as { id: string; reason: string }[]
    const begun = runs.find(({ reason }) => reason === `round ${round}`)
    if (status === 202) expect(begun?.id).toBe(body.id)
    if (begun) await until('the run is over', async () => (await statusOf(ask, begun.id)) === 'succeeded', 60_000)
  }
  const moves = await here.query('select prompt_id from lifecycle_move where prompt_id = any($1) group by 1 having count(*) > 1', [ids])
  expect(moves).toEqual([])
})
