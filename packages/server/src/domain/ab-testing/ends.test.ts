import type { FastifyBaseLogger } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLog } from '../../infrastructure/telemetry/log.ts'
import { aKeyWith } from '../access/testing/rights-kit.ts'
import { aUnitThat } from './testing/arms.ts'
import { startTested, type Tested } from './testing/test-kit.ts'
import { aTestOnProduction, type Made, type Mishap, mishaps, outcomesOf, runWatch } from './testing/unhappy-ends.ts'

let t: Tested
const logged: string[] = []
beforeAll(async () => {
  t = await startTested({ log: createLog('info', { write: (line) => logged.push(line) }) as FastifyBaseLogger })
})
afterAll(() => t.stop())

const read = async (id: string) => (await t.owner('GET', `/ab-tests/${id}`)).body
const end = (id: string, body: object) => t.owner('POST', `/optimization/ab-tests/${id}/end`, body)
/** Where production stands, of a deleted prompt too; and how many versions there are. */
const stands = async (id: string) =>
  (
    await t.database.query<{ label: number | null; versions: number }>(
      `select (select version from prompt_label l where l.prompt_id = p.id and label = 'production') as label, version as versions from prompt p where id = $1`,
      [id],
    )
  )[0]!
const told = (id: string) =>
  t.database.query<{ type: string; data: Record<string, unknown> }>(
    `select type, data from outbox where subject = $1 and type in ('ab_test.ended', 'ab_test.decided', 'ab_test.guardrail_crossed') order by id`,
    [id],
  )
const clear = { A: { n: 1_000, successes: 800 }, B: { n: 1_000, successes: 900 } }
const slower = { A: { n: 1_000, successes: 800, latencyMs: 500 }, B: { n: 1_000, successes: 900, latencyMs: 700 } }
const guardrails = [{ metric: 'latencyMs', direction: 'lower', maxRegression: 0.05 }]

type Case = Readonly<{ of: 'winner' | 'control'; mishap: Mishap; elsewhere?: boolean; obstacle: string }>
/** What makes a promotion impossible, and what is said of it. */
const obstacles: Case[] = [
  { of: 'winner', mishap: 'deleted', elsewhere: true, obstacle: 'other", the prompt of B, was deleted.' },
  { of: 'winner', mishap: 'archived', elsewhere: true, obstacle: 'other", the prompt of B, is archived' },
  { of: 'control', mishap: 'deleted', obstacle: 'control", the prompt of B, was deleted.' },
  { of: 'control', mishap: 'deleted', elsewhere: true, obstacle: 'control", the prompt of A, was deleted.' },
  { of: 'control', mishap: 'archived', elsewhere: true, obstacle: 'control", the prompt of A, is archived' },
  { of: 'control', mishap: 'moved', obstacle: 'Somebody has moved "production" to version 3 while the test ran' },
  { of: 'control', mishap: 'moved', elsewhere: true, obstacle: 'Somebody has moved "production" to version 3 while the test ran' },
  { of: 'control', mishap: 'taken away', obstacle: 'Somebody has taken "production" away while the test ran' },
]
const named = obstacles.map((one) => [`${one.of}’s ${one.elsewhere ? '' : 'only '}prompt or label was ${one.mishap}`, one] as const)
const befall = (made: Made, { of, mishap }: Pick<Case, 'of' | 'mishap'>) =>
  mishaps[mishap](t, of === 'winner' ? made.winnerId : made.controlId)

describe('under way, readers of the label and callers of select', () => {
  test.each<[Mishap, label: unknown[], chosen: unknown[]]>([
    ['deleted', ['prompt.not_found', 'prompt.not_found'], ['prompt.not_found', 'Good day']],
    ['archived', ['prompt.archived', 'prompt.archived'], ['Hello', 'Good day']],
    ['moved', ['moved', 'moved'], ['Hello', 'Good day']],
    ['taken away', ['label.not_found', 'label.not_found'], ['Hello', 'Good day']],
    ['given a new version', ['Hello', 'Good day'], ['Hello', 'Good day']],
  ])('obey when the control’s prompt or its label is %s', async (mishap, label, chosen) => {
    const made = await aTestOnProduction(t, { elsewhere: true })
    const units = [
      await aUnitThat(t, made.id, ({ variant }) => variant === 'A'),
      await aUnitThat(t, made.id, ({ variant }) => variant === 'B'),
    ]
    await mishaps[mishap](t, made.controlId)
    for (const [i, unit] of units.entries()) {
      const { body } = await t.owner('GET', `/prompts/search/${encodeURIComponent(made.category)}/control?unitId=${unit}`)
      expect(body.code ?? (String(body.content).startsWith('Other') ? 'moved' : body.content)).toBe(label[i])
      const selected = (await t.owner('GET', `/ab-tests/${made.id}/select?unitId=${unit}`)).body
      expect(selected.code ?? selected.prompt.content).toBe(chosen[i])
    }
  })
})

describe('the recommendation', () => {
  test.each(['deleted', 'archived'] as const)('is not to ship a variant whose prompt is %s', async (mishap) => {
    const made = await aTestOnProduction(t, { elsewhere: true })
    await outcomesOf(t, made.id, clear)
    expect((await t.results(made.id)).recommendation).toMatchObject({ action: 'ship', winner: 'B' })
    await mishaps[mishap](t, made.winnerId)
    const { action, winner, reason } = (await t.results(made.id)).recommendation
    expect([action, winner]).toEqual(['investigate', null])
    expect(reason).toContain(`The prompt of B ${mishap === 'deleted' ? 'was deleted. Restore it' : 'is archived'}`)
  })
})

describe('a person who ends a test to promote its winner', () => {
  test.each(named)('is refused, and nothing is done, when the %s; without promoting it ends', async (_, one) => {
    const made = await aTestOnProduction(t, one)
    await befall(made, one)
    const before = await stands(made.controlId)
    const refused = await end(made.id, { winner: 'B' })
    expect([refused.status, refused.body.code]).toEqual([409, 'ab_test.promotion_hindered'])
    expect(refused.body.detail).toContain(one.obstacle)
    expect(refused.body.detail).toContain('"promoteTo": null')
    expect([(await read(made.id)).status, await stands(made.controlId), await told(made.id)]).toEqual(['running', before, []])
    const ended = await end(made.id, { winner: 'B', promoteTo: null, reason: 'Known' })
    expect([ended.status, ended.body.status, ended.body.winner, ended.body.decision.action]).toEqual([200, 'completed', 'B', 'end'])
    expect(await stands(made.controlId)).toEqual(before)
    expect((await told(made.id)).map(({ data }) => data)).toMatchObject([{ winner: 'B', action: 'end', reason: 'Known' }])
  })

  test('moves a label that was moved meanwhile when it is named', async () => {
    const made = await aTestOnProduction(t)
    await mishaps.moved(t, made.controlId)
    expect((await end(made.id, { winner: 'B', promoteTo: 'production' })).body.decision.action).toBe('promote')
    expect((await stands(made.controlId)).label).toBe(2)
  })

  test('finds nothing in the way when somebody has moved the label to the winner already', async () => {
    const made = await aTestOnProduction(t)
    await t.owner('PUT', `/prompts/${made.controlId}/labels/production`, { version: 2 })
    expect((await end(made.id, { winner: 'B' })).body.decision.action).toBe('promote')
    expect((await stands(made.controlId)).label).toBe(2)
  })

  test.each([false, true])(
    'promotes what was pinned though there are newer versions of both prompts (elsewhere: %s)',
    async (elsewhere) => {
      const made = await aTestOnProduction(t, { elsewhere })
      for (const id of new Set([made.controlId, made.winnerId])) await mishaps['given a new version'](t, id)
      expect((await end(made.id, { winner: 'B' })).status).toBe(200)
      const { body } = await t.owner('GET', `/prompts/${made.controlId}?label=production`)
      expect(body.content).toBe(elsewhere ? 'Good day' : 'Hi')
    },
  )

  test('copies no prompt to where its readers may not see it', async () => {
    const made = await aTestOnProduction(t, { elsewhere: true })
    const before = await stands(made.controlId)
    expect((await t.owner('PUT', `/prompts/${made.winnerId}`, { category: `hidden from ${made.category}` })).status).toBe(200)
    const permissions = ['abtests:write', 'abtests:read', 'labels:write', 'prompts:write', 'prompts:read']
    const call = await aKeyWith(t, { permissions, categories: [made.category] })
    const { status, body } = await call('POST', `/optimization/ab-tests/${made.id}/end`, { winner: 'B' })
    expect([status, body.code]).toEqual([409, 'ab_test.promotion_hindered'])
    expect([(await read(made.id)).status, await stands(made.controlId)]).toEqual(['running', before])
    expect((await end(made.id, { winner: 'B' })).status).toBe(200)
  })

  test('is refused, and nothing is done, while the label is protected or the version has no approval', async () => {
    const made = await aTestOnProduction(t, { elsewhere: true })
    const before = await stands(made.controlId)
    const policy = `/lifecycle/policies/${encodeURIComponent(`category:${made.category}`)}`
    expect((await t.owner('PUT', policy, { approvals: 1 })).status).toBe(200)
    const blocked = await end(made.id, { winner: 'B' })
    expect([blocked.status, blocked.body.code, blocked.body.blockers[0].code]).toEqual([409, 'lifecycle.policy_blocked', 'approvals'])
    await t.owner('PUT', policy, { approvals: 0 })
    const call = await aKeyWith(t, { permissions: ['abtests:write', 'labels:write', 'prompts:write', 'prompts:read'] })
    expect((await t.owner('PUT', '/labels/production', { protected: true })).status).toBe(200)
    const refused = await call('POST', `/optimization/ab-tests/${made.id}/end`, { winner: 'B' })
    expect([refused.status, refused.body.code]).toEqual([403, 'label.protected'])
    expect((await t.owner('DELETE', `/prompts/${made.controlId}`)).body.code).toBe('prompt.in_use')
    expect([(await read(made.id)).status, await stands(made.controlId)]).toEqual(['running', before])
    const ended = await call('POST', `/optimization/ab-tests/${made.id}/end`, { winner: 'B', promoteTo: null })
    expect([ended.status, await stands(made.controlId)]).toEqual([200, before])
    await t.owner('PUT', '/labels/production', { protected: false })
  })
})

describe('a test that is to promote by itself', () => {
  const promoting = (one: Pick<Case, 'elsewhere'> = {}) => aTestOnProduction(t, { ...one, fields: { autoStop: 'promote' } })

  test.each(named)('ends once without moving anything, and says why, when the %s', async (_, one) => {
    const made = await promoting(one)
    await outcomesOf(t, made.id, clear)
    await befall(made, one)
    const before = await stands(made.controlId)
    for (let i = 0; i < 2; i++) expect(await runWatch(t)).toBeUndefined()
    const { status, winner, decision } = await read(made.id)
    expect([status, winner, decision.action, decision.by]).toEqual(['completed', 'B', 'end', 'experiments'])
    expect(decision.reason).toContain('The label production was not moved')
    expect(decision.reason.split(one.obstacle)).toHaveLength(2) // said, and not twice
    expect(decision.reason).not.toContain('promoteTo')
    expect(await stands(made.controlId)).toEqual(before)
    expect(await told(made.id)).toMatchObject([
      { type: 'ab_test.ended', data: { winner: 'B', action: 'end', reason: decision.reason } },
      { type: 'ab_test.decided', data: { winner: 'B', promoted: false, reason: decision.reason } },
    ])
  })

  test.each([false, true])('promotes what was pinned though there are newer versions (elsewhere: %s)', async (elsewhere) => {
    const made = await promoting({ elsewhere })
    await outcomesOf(t, made.id, clear)
    for (const id of new Set([made.controlId, made.winnerId])) await mishaps['given a new version'](t, id)
    expect(await runWatch(t)).toBeUndefined()
    expect((await read(made.id)).decision.action).toBe('promote')
    expect((await told(made.id)).at(-1)?.data.promoted).toBe(true)
    const { body } = await t.owner('GET', `/prompts/${made.controlId}?label=production`)
    expect(body.content).toBe(elsewhere ? 'Good day' : 'Hi')
  })

  test('ends without moving anything, and says why, when a policy asks for an approval that there is not', async () => {
    const made = await promoting({ elsewhere: true })
    await outcomesOf(t, made.id, clear)
    const before = await stands(made.controlId)
    await t.owner('PUT', `/lifecycle/policies/${encodeURIComponent(`category:${made.category}`)}`, { approvals: 1 })
    expect(await runWatch(t)).toBeUndefined()
    const { decision } = await read(made.id)
    expect([decision.action, await stands(made.controlId)]).toEqual(['end', before]) // and no copy of B is left behind
    expect(decision.reason).toMatch(/The label production was not moved.*approv/)
  })

  test('ends without moving anything, and says why, when who made it may not move the label, or make tests, any more', async () => {
    const protectedOne = await aKeyWith(t, { permissions: ['abtests:write', 'labels:write', 'prompts:write', 'prompts:read'] })
    const ids: Made[] = []
    for (const call of [protectedOne, await t.as('abtests:write', 'prompts:read')]) {
      const made = await aTestOnProduction(t)
      const variants = [1, 2].map((version) => ({ key: 'AB'[version - 1], promptId: made.controlId, version }))
      await end(made.id, {})
      const fields = { name: 'own', variants, overlayLabel: 'production', autoStop: 'promote', minimumSampleSize: 100, minimumDays: 0 }
      const own = await call('POST', '/optimization/ab-tests', {
        ...fields,
        metric: { primary: 'success', direction: 'higher' },
        start: true,
      })
      expect(own.status, own.text).toBe(201)
      await outcomesOf(t, own.body.id, clear)
      ids.push({ ...made, id: own.body.id })
    }
    await t.owner('PUT', '/labels/production', { protected: true })
    expect(await runWatch(t)).toBeUndefined()
    await t.owner('PUT', '/labels/production', { protected: false })
    for (const [i, why] of [/"production" is protected/, /labels:write/].entries()) {
      const { status, decision } = await read(ids[i]!.id)
      expect([status, decision.action, (await stands(ids[i]!.controlId)).label]).toEqual(['completed', 'end', 1])
      expect(decision.reason).toMatch(why)
    }
  })
})

describe('a guardrail that is crossed', () => {
  const losses: [string, Case | undefined, string | undefined][] = [
    ['nothing has happened', undefined, undefined],
    [
      'the control’s prompt was deleted',
      { of: 'control', mishap: 'deleted', elsewhere: true, obstacle: '' },
      'the prompt of A, was deleted. Restore',
    ],
    [
      'the control’s prompt was archived',
      { of: 'control', mishap: 'archived', elsewhere: true, obstacle: '' },
      'the prompt of A, is archived',
    ],
    ['the variant’s prompt was deleted', { of: 'winner', mishap: 'deleted', elsewhere: true, obstacle: '' }, undefined],
    ['the control’s prompt has a new version', { of: 'control', mishap: 'given a new version', obstacle: '' }, undefined],
    ['the label was moved', { of: 'control', mishap: 'moved', obstacle: '' }, undefined],
    ['the label was taken away', { of: 'control', mishap: 'taken away', obstacle: '' }, undefined],
  ]
  test.each(losses)('ends the test in favour of the control, moves nothing, and says what is lost, when %s', async (_, one, loss) => {
    const made = await aTestOnProduction(t, { ...one, fields: { autoStop: 'promote', guardrails } })
    await outcomesOf(t, made.id, slower)
    if (one) await befall(made, one)
    const before = await stands(made.controlId)
    expect(await runWatch(t)).toBeUndefined()
    const { status, winner, decision } = await read(made.id)
    expect([status, winner, decision.action, await stands(made.controlId)]).toEqual(['completed', 'A', 'guardrail', before])
    if (loss) expect(decision.reason).toContain(loss)
    else expect(decision.reason).not.toMatch(/prompt of/)
    expect((await told(made.id)).map(({ type }) => type)).toEqual(['ab_test.ended', 'ab_test.guardrail_crossed', 'ab_test.decided'])
    const assigned = (await t.owner('GET', `/optimization/ab-tests/${made.id}/assign?unitId=u`)).body
    expect([assigned.variant, assigned.enrolled, assigned.reason]).toEqual(['A', false, 'ended'])
  })
})

test('a test that cannot be looked at is told in the log and by the job, each time once, and holds up no other', async () => {
  const [broken, good] = [await aTestOnProduction(t), await aTestOnProduction(t, { fields: { autoStop: 'end' } })]
  await outcomesOf(t, good.id, clear)
  const [kept] = await t.database.query<{ phases: unknown }>(`select phases from ab_test where id = $1`, [broken.id])
  await t.database.query(`update ab_test set phases = '[null]' where id = $1`, [broken.id])
  expect(await runWatch(t)).toBeInstanceOf(TypeError)
  expect((await read(good.id)).status).toBe('completed')
  expect(logged.filter((line) => line.includes('could not be looked at')).map((line) => JSON.parse(line).testId)).toEqual([broken.id])
  await t.database.query(`update ab_test set phases = $2 where id = $1`, [broken.id, JSON.stringify(kept!.phases)])
  expect(await runWatch(t)).toBeUndefined()
  expect([(await read(broken.id)).status, await told(broken.id)]).toEqual(['running', []])
})
