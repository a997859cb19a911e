import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../core/ids.ts'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import { aMember } from '../access/testing/rights-kit.ts'
import { aPrompt, freshName } from '../prompts/testing/prompt-kit.ts'
import type { Automation } from './model/automations.ts'
import type { AutomationRun } from './model/automations-runs.ts'
import { aRule, dayMs, newestRun, outcomesOf, runJobOf, startDue, told } from './testing/automation-kit.ts'

/** Two instances on one database, and by how much their clock is ahead, in milliseconds. */
let here: TestApp
let there: TestApp
let ahead = 0
const clock = () => new Date(Date.now() + ahead).toISOString()
beforeAll(async () => {
  here = await startTestApp({ clock })
  there = await startTestApp({ clock, database: here.database })
})
afterAll(async () => {
  await there.stop()
  await here.stop()
})

const runsOf = async ({ id }: Pick<Automation, 'id'>): Promise<AutomationRun[]> =>
  (await here.owner('GET', `/lifecycle/automations/runs?automationId=${id}`)).body.items
const read = async ({ id }: Pick<Automation, 'id'>): Promise<Automation> => (await here.owner('GET', `/lifecycle/automations/${id}`)).body
const scoped = async (count = 1) => {
  const category = freshName('category')
  for (let n = 0; n < count; n++) await aPrompt(here.owner, { category })
  return { scope: { categories: [category] } }
}

describe('by its schedule', () => {
  test('a rule runs once, whichever instances look for what is due, and however often', async () => {
    const rule = await aRule(here.owner, { ...(await scoped()), enabled: true })
    await Promise.all([startDue(here), startDue(there)])
    expect(await runsOf(rule)).toEqual([])
    ahead += dayMs
    await Promise.all([startDue(here), startDue(there), startDue(here), startDue(there)])
    const run = await newestRun(here.owner, rule)
    expect([run.status, run.trigger, run.requestedBy, run.actsFor]).toEqual(['succeeded', 'schedule', `automation:${rule.id}`, 'bootstrap'])
    expect(await runsOf(rule)).toHaveLength(1)
    expect((await told(here, rule)).filter(({ type }) => type === 'automation.notified')).toHaveLength(1)
    expect((await read(rule)).nextRunAt! > clock()).toBe(true)
  })

  test('that was missed for ten days runs once, and then as it should', async () => {
    const rule = await aRule(here.owner, { ...(await scoped()), enabled: true, schedule: '*/15 * * * *' })
    ahead += 10 * dayMs
    for (let n = 0; n < 3; n++) await startDue(there)
    await newestRun(here.owner, rule)
    expect(await runsOf(rule)).toHaveLength(1)
    ahead += 900_000
    await startDue(here)
    await expect.poll(async () => (await runsOf(rule)).map(({ status }) => status)).toEqual(['succeeded', 'succeeded'])
  })

  test('a clock that is set back keeps nothing from running: the next time is reckoned anew, without a run', async () => {
    ahead += 400 * dayMs
    const rule = await aRule(here.owner, { ...(await scoped()), enabled: true })
    ahead -= 400 * dayMs
    await startDue(here)
    const { nextRunAt } = await read(rule)
    expect([Date.parse(nextRunAt!) - Date.parse(clock()) <= dayMs, await runsOf(rule)]).toEqual([true, []])
    ahead += dayMs
    await startDue(here)
    expect((await newestRun(here.owner, rule)).status).toBe('succeeded')
  })

  test('one that is off, or whose last run goes on, does not run', async () => {
    const [off, busy] = [await aRule(here.owner, await scoped()), await aRule(here.owner, { ...(await scoped()), enabled: true })]
    const run = (await here.owner('POST', `/lifecycle/automations/${busy.id}/run`, {}, { prefer: 'wait=30' })).body
    await here.database.query(`update lifecycle_automation_run set status = 'running' where id = $1`, [run.id])
    ahead += dayMs
    await startDue(here)
    expect([(await runsOf(off)).length, (await runsOf(busy)).length]).toEqual([0, 1])
  })

  test('one that cannot be started keeps none of the others from it', async () => {
    const [broken, sound] = [
      await aRule(here.owner, { ...(await scoped()), enabled: true }),
      await aRule(here.owner, { ...(await scoped()), enabled: true }),
    ]
    await here.database.query(
      `update lifecycle_automation set rule = jsonb_set(rule, '{schedule}', '"never"'), next_run_at = '2000-01-01' where id = $1`,
      [broken.id],
    )
    ahead += dayMs
    await expect(startDue(here)).rejects.toThrow('five fields')
    expect((await newestRun(here.owner, sound)).status).toBe('succeeded')
    await here.database.query('delete from lifecycle_automation where id = $1', [broken.id])
  })

  test('rules of every workspace run, each in its own', async () => {
    const stranger = await here.stranger()
    const prompt = await aPrompt(stranger)
    const rule = await aRule(stranger, { enabled: true })
    ahead += dayMs
    await startDue(there)
    const run = await newestRun(stranger, rule)
    expect(await outcomesOf(stranger, run)).toEqual({ [prompt.id]: 'applied' })
  })
})

describe('whoever saved a rule', () => {
  const savedBy = async (rule: Automation, who: string) => {
    await here.database.query('update lifecycle_automation set saved_by = $2 where id = $1', [rule.id, who])
    return (await here.owner('POST', `/lifecycle/automations/${rule.id}/run`, {}, { prefer: 'wait=30' })).body as AutomationRun
  }
  test('acts as a member of the workspace, and no more once they are none', async () => {
    const { scope } = await scoped()
    const rule = await aRule(here.owner, { scope, action: { kind: 'move_status', status: 'published' } })
    const [viewer, editor] = [await aMember(here, 'viewer'), await aMember(here, 'editor')]
    const person = async (id: string) =>
      `user:${(await here.database.query<{ person_id: string }>('select person_id from member where id = $1', [id]))[0]!.person_id}`
    expect((await savedBy(rule, await person(viewer))).counts).toMatchObject({ blocked: 1, applied: 0 })
    const who = await person(editor)
    expect((await savedBy(rule, who)).counts).toMatchObject({ applied: 1 })
    await here.database.query('delete from member where id = $1', [editor])
    expect(await savedBy(rule, who)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining(`${who} has no key and no membership any more`),
    })
  })

  test.each(['open', 'key:01900000-0000-7000-8000-000000000000', 'somebody'])(
    'and is "%s", who is not there any more, has no rights',
    async (who) => {
      const run = await savedBy(await aRule(here.owner, await scoped()), who)
      expect(run).toMatchObject({ status: 'failed', error: expect.stringContaining(`${who} has no key and no membership any more`) })
    },
  )

  test('without a key, while the service is open, acts as the owner', async () => {
    const open = await startTestApp({ open: true })
    try {
      const rule = await aRule(open.owner)
      const { body } = await open.owner('POST', `/lifecycle/automations/${rule.id}/run`, {}, { prefer: 'wait=30' })
      expect(body).toMatchObject({ status: 'succeeded', actsFor: 'open' })
    } finally {
      await open.stop()
    }
  })
})

describe('two workers on one run', () => {
  const job = (t: TestApp, runId: string) => runJobOf(t, 'lifecycle.run_automation', { runId })
  /** A run that nobody is told of. */
  async function aRun(rule: Automation): Promise<string> {
    const id = newId()
    await here.database.query(
      `insert into lifecycle_automation_run (workspace_id, id, automation_id, revision, rule, acts_for, requested_by, trigger, status, created_at, worked_at)
       select workspace_id, $2, id, revision, rule, saved_by, saved_by, 'manual', 'queued', $3, $3 from lifecycle_automation where id = $1`,
      [rule.id, id, clock()],
    )
    return id
  }

  test('do each prompt once: who comes later takes over, and who was there stops without a word', async () => {
    const rule = await aRule(here.owner, { ...(await scoped(12)) })
    for (let round = 0; round < 5; round++) {
      const id = await aRun(rule)
      await Promise.all([job(here, id), job(there, id), job(here, id)])
      await job(there, id) // after the end there is nothing to do
      const run = (await here.owner('GET', `/lifecycle/automations/runs/${id}`)).body
      expect(run).toMatchObject({ status: 'succeeded', counts: { examined: 12, matched: 12, applied: 12 } })
      const events = (await told(here, rule)).filter(({ data }) => (data as { runId?: string }).runId === id)
      expect(events.map(({ type }) => type).sort()).toEqual([...Array(12).fill('automation.notified'), 'automation.ran'])
    }
  })

  test('a run that was begun five times and never came on is given up, and says so', async () => {
    const rule = await aRule(here.owner, await scoped())
    const id = await aRun(rule)
    await here.database.query('update lifecycle_automation_run set tries = 5 where id = $1', [id])
    await job(here, id)
    const run = (await here.owner('GET', `/lifecycle/automations/runs/${id}`)).body
    expect(run).toMatchObject({ status: 'failed', error: expect.stringContaining('did not come on') })
  })

  test('a run whose job was lost gets another one after ten minutes', async () => {
    const rule = await aRule(here.owner, await scoped())
    const id = await aRun(rule)
    await startDue(here)
    expect((await here.owner('GET', `/lifecycle/automations/runs/${id}`)).body.status).toBe('queued')
    ahead += 11 * 60_000
    await Promise.all([startDue(here), startDue(there)])
    expect(await newestRun(here.owner, rule)).toMatchObject({ id, status: 'succeeded', counts: { applied: 1 } })
  })

  test('one that was cancelled while it went on does nothing more', async () => {
    const rule = await aRule(here.owner, await scoped(3))
    const id = await aRun(rule)
    await here.owner('POST', `/lifecycle/automations/runs/${id}/cancel`)
    await job(here, id)
    expect((await here.owner('GET', `/lifecycle/automations/runs/${id}`)).body).toMatchObject({
      status: 'cancelled',
      counts: { examined: 0 },
    })
  })
})
