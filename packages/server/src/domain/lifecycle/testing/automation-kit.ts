import { expect } from 'vitest'
import { newId } from '../../../core/ids.ts'
import type { Call, TestApp } from '../../../testing/index.ts'
import type { Automation } from '../model/automations.ts'
import type { AutomationRun, Outcome } from '../model/automations-runs.ts'

export const dayMs = 86_400_000
/** The forms that the documentation gives. */
export const builtIn = {
  unused: {
    name: 'unused prompts are deprecated',
    scope: { statuses: ['published'] },
    condition: 'unusedDays >= 90',
    action: { kind: 'move_status', status: 'deprecated', reason: 'Not served for 90 days', sunsetInDays: 30 },
  },
  archive: {
    name: 'deprecated prompts are archived',
    scope: { statuses: ['deprecated'] },
    condition: 'statusAgeDays >= 60 && includedBy == 0',
    action: { kind: 'move_status', status: 'archived' },
  },
} as const

let made = 0
const wait = { prefer: 'wait=30' }

/** A rule under a fresh name, added to those that are there. It tells of prompts unless told otherwise. */
export async function aRule(call: Call, fields: Record<string, unknown> = {}): Promise<Automation> {
  const name = `rule ${++made}`
  const { body: present } = await call<{ items: Automation[] }>('GET', '/lifecycle/automations')
  const rule = { name, condition: 'true', action: { kind: 'notify', message: 'Look at it' }, enabled: false, ...fields }
  const { status, body, text } = await call<{ items: Automation[] }>('PUT', '/lifecycle/automations', { items: [...present.items, rule] })
  expect(status, text).toBe(200)
  return body.items.find((one) => one.name === rule.name)!
}

/** Run a rule and wait for its end. */
export async function ran(call: Call, { id }: Pick<Automation, 'id'>, body: object = {}): Promise<AutomationRun> {
  const answer = await call<AutomationRun>('POST', `/lifecycle/automations/${id}/run`, body, wait)
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

export const confirmed = async (call: Call, { id }: Pick<AutomationRun, 'id'>) =>
  call<AutomationRun>('POST', `/lifecycle/automations/runs/${id}/confirm`, {}, wait)

/** Wait until the newest run of a rule is over. */
export async function newestRun(call: Call, { id }: Pick<Automation, 'id'>): Promise<AutomationRun> {
  const newest = async () => (await call<{ items: AutomationRun[] }>('GET', `/lifecycle/automations/runs?automationId=${id}`)).body.items[0]
  await expect.poll(async () => ['queued', 'running', undefined].includes((await newest())?.status)).toBe(false)
  return (await newest())!
}

/** What became of the prompts of a run: outcome and code of the problem by the prompt's id. */
export async function outcomesOf(call: Call, { id }: Pick<AutomationRun, 'id'>): Promise<Record<string, string>> {
  const { body } = await call<{ items: Outcome[] }>('GET', `/lifecycle/automations/runs/${id}/outcomes?limit=200`)
  return Object.fromEntries(
    body.items.map(({ promptId, outcome, problem }) => [promptId, problem ? `${outcome} ${problem.code}` : outcome]),
  )
}

/** What the feed tells of a rule, oldest first. */
export const told = async (
  { database }: TestApp,
  { id }: Pick<Automation, 'id'>,
): Promise<{ type: string; data: object; actor: string }[]> =>
  database.query(`select type, data, actor from outbox where subject = $1 and type like 'automation.%' order by id`, [id])

/** Prompts as they would be after so many days: made then, served then, watched since then. */
export async function aged(
  t: TestApp,
  ids: readonly string[],
  days: { made?: number; served?: number | null; watched?: number },
): Promise<void> {
  const { query } = t.database
  if (days.made !== undefined)
    await query(`update prompt set created_at = now() - make_interval(days => $2) where id = any($1)`, [ids, days.made])
  if (days.watched !== undefined) await query('update prompt_use_watch set since = now() - make_interval(days => $1)', [days.watched])
  if (typeof days.served === 'number')
    await query(
      `insert into prompt_use (workspace_id, prompt_id, last_served_at)
       select workspace_id, id, now() - make_interval(days => $2) from prompt where id = any($1)
       on conflict (workspace_id, prompt_id) do update set last_served_at = excluded.last_served_at`,
      [ids, days.served],
    )
}

/** The background work of that name, run once by an instance, as the schedule would. */
export async function runJobOf(t: TestApp, name: string, payload: object = {}): Promise<void> {
  const job = t.app.modules.flatMap(({ jobs = [] }) => jobs).find((one) => one.name === name)!
  const principal = {
    id: 'schedule',
    workspaceId: '00000000-0000-7000-8000-000000000001',
    permissions: new Set(['*']),
    instanceAdmin: false,
  }
  await job.run(payload as never, t.app.runtime.contextFor(principal, { requestId: newId() }))
}
export const startDue = (t: TestApp): Promise<void> => runJobOf(t, 'lifecycle.start_due_automations')
