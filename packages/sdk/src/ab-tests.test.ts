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
