import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Results } from './model/report.ts'
import { startTested, type Tested } from './testing/test-kit.ts'

let t: Tested
beforeAll(async () => {
  t = await startTested()
})
afterAll(() => t.stop())

/** Units by the variant that they are served, so many of each. */
async function served(testId: string, each: number): Promise<Record<string, string[]>> {
  const units: Record<string, string[]> = { A: [], B: [] }
  for (let i = 0; units.A!.length < each || units.B!.length < each; i++) {
    const { variant } = await t.select(testId, `unit ${i}`)
    units[variant]!.push(`unit ${i}`)
  }
  return units
}
const variantOf = ({ variants }: Results, key: string) => variants.find((one) => one.key === key)!

describe('outcomes', () => {
  test('count for the variant that their unit was exposed to, in all metrics', async () => {
    const id = await t.started({ secondary: [{ metric: 'latencyMs', direction: 'lower' }] })
    const { A, B } = await served(id, 3)
    await t.app.abTesting.settle()
    const told = await t.tell(
      id,
      ...A!.map((unitId) => ({ unitId, success: true, latencyMs: 100.5, costUsd: 0.002, tokens: 10, score: -1.5, satisfaction: 0.25 })),
      ...B!.map((unitId) => ({ unitId, success: false, latencyMs: 200 })),
    )
    expect(told).toMatchObject({ status: 202, body: { accepted: A!.length + B!.length, duplicates: 0 } })
    await t.settle()
    const results = await t.results(id)
    expect(variantOf(results, 'A')).toMatchObject({ n: A!.length, units: A!.length, mean: 1, exposedUnits: A!.length, isControl: true })
    expect(variantOf(results, 'B')).toMatchObject({ n: B!.length, mean: 0, exposedUnits: B!.length })
    const means = Object.fromEntries(variantOf(results, 'A').metrics.map((one) => [one.metric, one.mean]))
    expect(means).toEqual({ success: 1, latencyMs: 100.5, costUsd: 0.002, tokens: 10, score: -1.5, satisfaction: 0.25 })
    expect(results.outcomes).toEqual({ counted: A!.length + B!.length, earlier: 0, unexposed: 0, contradicting: 0 })
    expect(results.series.length).toBeGreaterThan(0)
  })

  test('with an eventId count once, in one body and in many', async () => {
    const id = await t.started()
    await t.select(id, 'u')
    await t.app.abTesting.settle()
    const one = { unitId: 'u', success: true, eventId: 'e1' }
    expect((await t.tell(id, one, one, { ...one, eventId: 'e2' })).body).toMatchObject({ accepted: 2, duplicates: 1 })
    expect((await t.tell(id, one)).body).toMatchObject({ accepted: 0, duplicates: 1 })
    const other = await t.started()
    expect((await t.tell(other, one)).body).toMatchObject({ accepted: 1 }) // another test has its own
    await t.settle()
    expect((await t.results(id)).outcomes.counted).toBe(2)
  })

  test('that name a variant which their unit was not served are problems of their own', async () => {
    const id = await t.started()
    const { A } = await served(id, 1)
    await t.app.abTesting.settle()
    const unitId = A![0]!
    const { status, body } = await t.tell(id, { unitId, variant: 'B', success: true }, { unitId, variant: 'A', success: true })
    expect([status, body.accepted]).toEqual([202, 1])
    expect(body.errors).toMatchObject([{ index: 0, problem: { code: 'ab_test.outcome_contradicts', status: 422 } }])
    const single = await t.owner('POST', `/optimization/ab-tests/${id}/results`, { unitId, variant: 'B', success: true })
    expect(single).toMatchObject({ status: 422, body: { code: 'ab_test.outcome_contradicts' } })
  })

  test('labelled B of a unit whose exposure to A becomes known later count for nobody', async () => {
    const id = await t.started()
    const { A } = await served(id, 1) // not written yet
    const unitId = A![0]!
    const told = await t.tell(id, { unitId, variant: 'B', success: true }, { unitId, success: true })
    if (told.body.accepted === 2) {
      await t.settle()
      expect((await t.results(id)).outcomes).toMatchObject({ counted: 1, contradicting: 1 })
    } else expect(told.body.errors).toHaveLength(1)
    expect(variantOf(await t.results(id), 'B').n).toBe(0)
  })

  test('of units without exposure are told as such, and not mixed in; an exposure makes them earlier ones', async () => {
    const id = await t.started()
    const told = await t.tell(id, { unitId: 'nobody', success: true }, { unitId: 'late', score: 3 })
    expect(told.body).toMatchObject({ accepted: 2, warnings: [{ code: 'unit.unexposed', count: 2 }] })
    await t.settle()
    expect((await t.results(id)).outcomes).toMatchObject({ counted: 0, unexposed: 2 })
    await t.database.query(`update ab_outcome set at = at - interval '1 hour' where test_id = $1`, [id])
    const { variant } = await t.select(id, 'late')
    await t.settle()
    await t.tell(id, { unitId: 'late', score: 4 })
    await t.settle()
    const results = await t.results(id)
    expect(results.outcomes).toEqual({ counted: 1, earlier: 1, unexposed: 1, contradicting: 0 })
    expect(variantOf(results, variant).metrics).toMatchObject([{ metric: 'score', n: 1, mean: 4 }])
  })

  test('find their unit by exposureId; one of another test is refused', async () => {
    const [id, other] = [await t.started(), await t.started()]
    const { exposureId, variant } = await t.select(id, 'u')
    await t.app.abTesting.settle()
    expect((await t.tell(id, { exposureId, success: true })).body).toEqual({ accepted: 1, duplicates: 0 })
    expect((await t.tell(other, { exposureId, success: true })).body.errors).toMatchObject([
      { problem: { code: 'ab_test.exposure_unknown' } },
    ])
    await t.settle()
    expect(variantOf(await t.results(id), variant).n).toBe(1)
  })

  test.each([
    [{ success: true }, 'request.invalid'],
    [{ unitId: 'u', exposureId: 'x', success: true }, 'request.invalid'],
    [{ unitId: 'u' }, 'request.invalid'],
    [{ unitId: 'u', latencyMs: -1 }, 'request.invalid'],
    [{ unitId: 'u', satisfaction: 5 }, 'request.invalid'],
    [{ unitId: 'u', success: true, variant: 'C' }, 'ab_test.variant_unknown'],
    [{ exposureId: '1.0.0011223344556677.AAAAAAAAAAA', success: true }, 'ab_test.exposure_unknown'],
    ['nonsense', 'request.invalid'],
  ])('%j is refused by itself', async (item, code) => {
    const id = await t.started()
    const { body } = await t.owner('POST', `/optimization/ab-tests/${id}/results`, { items: [item, { unitId: 'u', success: true }] })
    expect(body).toMatchObject({ accepted: 1, errors: [{ index: 0, problem: { code } }] })
  })

  test('of a draft, of no test and of another workspace are refused', async () => {
    const id = await t.started({ start: false })
    expect(await t.tell(id, { unitId: 'u', success: true })).toMatchObject({ status: 409, body: { code: 'ab_test.not_started' } })
    expect(await t.tell('01900000-0000-7000-8000-000000000000', { unitId: 'u', success: true })).toMatchObject({ status: 404 })
    const stranger = await t.stranger()
    expect(await stranger('POST', `/optimization/ab-tests/${id}/results`, { unitId: 'u', success: true })).toMatchObject({ status: 404 })
  })

  test('with unknown fields are taken, and the fields are told', async () => {
    const id = await t.started()
    const { body } = await t.tell(id, { unitId: 'u', success: true, sucess: false })
    expect(body).toMatchObject({ accepted: 1, warnings: [{ code: 'field.unknown' }, { code: 'unit.unexposed' }] })
  })

  test('come from uses of prompts that name the test, each once', async () => {
    const id = await t.started()
    const { A, B } = await served(id, 2)
    await t.app.abTesting.settle()
    const use = (unitId: string, variant?: string, fields: object = {}) => ({
      promptId: t.promptId,
      provider: 'openai',
      model: 'gpt-4o',
      inputTokens: 10,
      outputTokens: 5,
      latencyMs: 300,
      success: true,
      experiment: { testId: id, unitId, ...(variant && { variant }) },
      ...fields,
    })
    const items = [
      use(A![0]!, 'A', { eventId: 'use' }),
      use(A![0]!, 'A', { eventId: 'use' }),
      use(A![1]!),
      use(B![0]!, 'B'),
      use(B![1]!, 'A'),
      use('nobody', 'B'),
    ]
    expect((await t.owner('POST', '/analytics/usage', { items })).body).toMatchObject({ accepted: 5, duplicates: 1 })
    await t.settle()
    const results = await t.results(id)
    expect(results.outcomes).toEqual({ counted: 3, earlier: 0, unexposed: 1, contradicting: 1 })
    expect([variantOf(results, 'A').n, variantOf(results, 'B').n]).toEqual([2, 1])
    expect(variantOf(results, 'A').metrics).toMatchObject([
      { metric: 'success' },
      { metric: 'latencyMs', mean: 300 },
      { metric: 'costUsd' },
      { metric: 'tokens', mean: 15 },
    ])
    const before = await t.counts()
    await t.app.analytics.rebuild(Date.now() - 86_400_000, Date.now() + 86_400_000)
    await t.settle()
    expect(await t.counts()).toEqual(before) // counting uses again tells nothing again
  })
})

describe('counts', () => {
  test('of a recount are the same to the bit', async () => {
    await t.settle()
    const before = await t.counts()
    expect(before.length).toBeGreaterThan(20)
    await t.app.abTesting.outcomes.recount()
    expect(await t.counts()).toEqual(before)
  })

  test('an analysis reads sums alone: none of its statements names outcomes or units', async () => {
    const { readFile } = await import('node:fs/promises')
    const text = await readFile(new URL('./queries/figures.ts', import.meta.url), 'utf8')
    expect(text).not.toMatch(/ab_outcome|ab_unit|ab_exposure/)
  })
})

test('power tells what can be found so far', async () => {
  const id = await t.started()
  expect((await t.owner('GET', `/ab-tests/${id}/power`)).body).toMatchObject({
    testId: id,
    unitsPerVariant: 0,
    baseline: null,
    effects: [],
  })
  const { A, B } = await served(id, 5)
  await t.app.abTesting.settle()
  await t.tell(id, ...[...A!, ...B!].map((unitId, i) => ({ unitId, success: i % 3 > 0 })))
  await t.settle()
  const { body } = await t.owner('GET', `/ab-tests/${id}/power`)
  expect(body.unitsPerVariant).toBeGreaterThanOrEqual(5)
  expect(body.effects).toHaveLength(6)
})
