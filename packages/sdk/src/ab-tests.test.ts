import { rangesOf } from '@prompt-store/assignment'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootstrapKey, startTestApp, type TestApp } from '../../server/src/testing/index.ts'
import { assign, createClient } from './index.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

test('a unit is assigned without a call, whatever it is called', () => {
  const variants = [
    { key: 'control', weight: 1 },
    { key: 'shorter', weight: 1 },
  ]
  const experiment = { seed: 'seed', coverage: 0.5, variants, ranges: rangesOf(variants) }
  const seen = ['user-1', 'user-2', '用户-1', '😊', 'userØ', ''].map((unit) => assign(experiment, unit))
  // Written down once: the same on every machine, after every restart and in every version.
  expect(seen.map(({ variant, enrolled }) => `${variant}${enrolled ? '' : ' (outside)'}`)).toEqual([
    'shorter',
    'control (outside)',
    'control (outside)',
    'shorter',
    'control',
    'control',
  ])
})

test('the resource of a test, as it is read, assigns a unit as the service does, and says why', async () => {
  const client = createClient({ url: t.url, apiKey: bootstrapKey })
  const [a, b] = await Promise.all(['One', 'Two'].map((content) => client.request('POST', '/prompts', { body: { content } })))
  const made = await client.request('POST', '/optimization/ab-tests', {
    body: {
      ...{ name: 'sdk', promptAId: a!.id, promptBId: b!.id, start: true, coverage: 0.5, holdout: 0.2, forced: { qa: 'B' } },
      namespace: { name: '首页', start: 1_000, end: 9_000 },
    },
  })
  const experiment = await client.request('GET', '/ab-tests/{id}', { path: { id: made.id } })
  const reasons = new Set<string>()
  for (const unitId of ['qa', '用户-1', '😊', 'a/b?c', ...Array.from({ length: 40 }, (_, i) => `unit-${i}`)]) {
    const { variant, enrolled, reason } = await client.request('GET', '/optimization/ab-tests/{id}/assign', {
      path: { id: made.id },
      query: { unitId },
    })
    expect([unitId, assign(experiment, unitId)]).toEqual([unitId, { variant, enrolled, reason }])
    reasons.add(reason)
  }
  expect(reasons).toEqual(new Set(['forced', 'namespace', 'holdout', 'coverage', 'assigned']))
  await client.close()
})

test('figures of one’s own are analysed through the client, with types that let them through', async () => {
  const client = createClient({ url: t.url, apiKey: bootstrapKey })
  const arm = (sum: number) => ({ type: 'proportion', n: 500, sum })
  const result = await client.request('POST', '/ab-tests/analyze', {
    body: { kind: 'sequential', inputs: { control: arm(400), treatment: arm(430) } },
  })
  expect(result).toMatchObject({ expected: expect.closeTo(0.075, 9), error: null })
  const plan = await client.request('POST', '/ab-tests/sample-size', {
    body: { metric: { type: 'proportion', rate: 0.8 }, minimumEffect: 0.06, differenceType: 'absolute', sequential: false },
  })
  expect(plan.perVariant).toBe(612)
  await client.close()
})
