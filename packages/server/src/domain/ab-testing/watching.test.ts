import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTested, type Tested, workspaceId } from './testing/test-kit.ts'
import { outcomesOf } from './testing/unhappy-ends.ts'

let t: Tested
beforeAll(async () => {
  t = await startTested()
})
afterAll(() => t.stop())

const outcomes = (testId: string, arms: Parameters<typeof outcomesOf>[2]) => outcomesOf(t, testId, arms)
const watch = (id: string) => t.app.abTesting.outcomes.watch({ workspaceId, id, createdBy: 'nobody' })
const read = async (id: string) => (await t.owner('GET', `/ab-tests/${id}`)).body
const events = (id: string) =>
  t.database.query<{ type: string }>(
    `select type from outbox where subject = $1 and type in ('ab_test.decided', 'ab_test.guardrail_crossed', 'ab_test.sample_ratio_alarmed', 'ab_test.reweighed', 'ab_test.ended') order by id`,
    [id],
  )
const clear = { A: { n: 1_000, successes: 800 }, B: { n: 1_000, successes: 900 } }
const rules = { autoStop: 'end', minimumSampleSize: 100, minimumDays: 0 }

describe('a running test that is looked at', () => {
  test('that a person ends keeps what it showed then, whatever comes later', async () => {
    const id = await t.started()
    await outcomes(id, { A: { n: 50, successes: 40 }, B: { n: 60, successes: 50 } })
    const { status, body } = await t.owner('POST', `/optimization/ab-tests/${id}/end`, { winner: 'A', reason: 'We need the traffic' })
    expect([status, body.decision.action, body.decision.reason]).toEqual([200, 'end', 'We need the traffic'])
    expect(body.decision.evidence).toMatchObject({
      units: [50, 60],
      comparisons: [{ variant: 'B', role: 'primary', verdict: 'open' }],
      guardrails: [],
      sampleRatio: expect.closeTo(0.3404, 3), // chi-squared of 50 and 60 against 55 each
    })
    await t.owner('POST', `/optimization/ab-tests/${id}/results`, { unitId: 'late', success: true })
    await t.settle()
    expect((await read(id)).decision).toEqual(body.decision)
  })

  test('ends with the winner that is settled, which stays whatever comes later', async () => {
    const id = await t.started(rules)
    await outcomes(id, clear)
    expect((await t.results(id)).recommendation).toMatchObject({ action: 'ship', winner: 'B' })
    await watch(id)
    const ended = await read(id)
    expect(ended).toMatchObject({
      status: 'completed',
      winner: 'B',
      decision: { winner: 'B', by: 'experiments', evidence: { by: 'confidence_sequence' } },
    })
    expect((await events(id)).map(({ type }) => type)).toEqual(['ab_test.ended', 'ab_test.decided'])
    await t.database.query(`update ab_outcome set success = 0 where test_id = $1 and xid > '0'`, [id])
    await t.app.abTesting.outcomes.recount()
    await watch(id)
    expect(await read(id)).toEqual(ended)
    expect((await t.results(id)).recommendation).toMatchObject({ action: 'done', winner: 'B' })
    expect(await events(id)).toHaveLength(2)
  })

  test('is decided once by two who look at the same time', async () => {
    const id = await t.started(rules)
    await outcomes(id, clear)
    await Promise.all([watch(id), watch(id), watch(id)])
    expect((await events(id)).filter(({ type }) => type === 'ab_test.decided')).toHaveLength(1)
  })

  test.each([
    ['nothing is settled', {}, { A: { n: 1_000, successes: 800 }, B: { n: 1_000, successes: 805 } }],
    ['it is not to end by itself', { autoStop: 'off' }, clear],
    ['it is too early', { minimumDays: 7 }, clear],
    ['there are too few units', { minimumSampleSize: 5_000 }, clear],
  ])('goes on while %s', async (_, fields, arms) => {
    const id = await t.started({ ...rules, ...fields })
    await outcomes(id, arms)
    await watch(id)
    expect(await read(id)).toMatchObject({ status: 'running', winner: null })
    expect(await events(id)).toEqual([])
  })

  test('goes back to the control when a guardrail is crossed', async () => {
    const id = await t.started({
      ...rules,
      autoStop: 'off',
      guardrails: [{ metric: 'latencyMs', direction: 'lower', maxRegression: 0.05 }],
    })
    await outcomes(id, { A: { n: 1_000, successes: 800, latencyMs: 500 }, B: { n: 1_000, successes: 900, latencyMs: 700 } })
    expect((await t.results(id)).guardrails).toMatchObject([{ variant: 'B', state: 'crossed' }])
    await watch(id)
    expect(await read(id)).toMatchObject({ status: 'completed', winner: 'A', decision: { action: 'guardrail' } })
    expect((await events(id)).map(({ type }) => type)).toEqual(['ab_test.ended', 'ab_test.guardrail_crossed', 'ab_test.decided'])
  })

  test('whose split is wrong tells so once, and decides nothing', async () => {
    const id = await t.started(rules)
    await outcomes(id, { A: { n: 1_000, successes: 800 }, B: { n: 700, successes: 650 } })
    await watch(id)
    await watch(id)
    expect(await read(id)).toMatchObject({ status: 'running' })
    expect((await events(id)).map(({ type }) => type)).toEqual(['ab_test.sample_ratio_alarmed'])
    expect((await t.results(id)).recommendation.action).toBe('investigate')
  })

  test('that is to promote moves its label for who made it, and ends without where that is nobody any more', async () => {
    const id = await t.started({ ...rules, autoStop: 'promote', overlayLabel: 'production' })
    await outcomes(id, clear)
    await watch(id)
    const ended = await read(id)
    expect(ended).toMatchObject({ status: 'completed', winner: 'B', decision: { action: 'end' } })
    expect(ended.decision.reason).toContain('was not moved')
    const other = await t.started({ ...rules, autoStop: 'promote', overlayLabel: 'production' })
    await outcomes(other, clear)
    const { createdBy } = await read(other)
    await t.app.abTesting.outcomes.watch({ workspaceId, id: other, createdBy })
    expect(await read(other)).toMatchObject({ status: 'completed', winner: 'B', decision: { action: 'promote' } })
    expect((await t.owner('GET', `/prompts/${t.promptId}`)).body.labels.production).toBe(2)
  })

  test('with an allocation gets other weights in a new phase', async () => {
    const id = await t.started({ ...rules, autoStop: 'off', allocation: 'thompson' })
    await outcomes(id, clear)
    await t.database.query(`update ab_test set phases = jsonb_set(phases, '{0,startedAt}', '"2026-01-01T00:00:00.000Z"') where id = $1`, [
      id,
    ])
    await watch(id)
    const { phases } = await read(id)
    expect(phases).toHaveLength(2)
    expect(phases[1].weights[1]).toBeCloseTo(0.95, 1)
    expect((await events(id)).map(({ type }) => type)).toEqual(['ab_test.reweighed'])
  })
})
