import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Call } from '../../testing/index.ts'
import { type Measured, startMeasured } from './testing/analytics-kit.ts'

let t: Measured
const ids: string[] = []
const now = Date.parse('2026-03-20T12:30:00.000Z')
const at = new Date(now - 86_400_000).toISOString()

/** Twelve prompts of a category: short ones succeed in 9 of 10 uses, long ones in 6 of 10. Four of another, and one used ten times. */
beforeAll(async () => {
  t = await startMeasured({ clock: () => new Date(now).toISOString() })
  const make = async (category: string, name: string, content: string) =>
    (await t.owner('POST', '/prompts', { category, name, content })).body.id as string
  const use = (promptId: string, uses: number, successes: number) =>
    Array.from({ length: uses }, (_, n) => t.event({ promptId, occurredAt: at, success: n < successes }))
  const events: Record<string, unknown>[] = []
  for (let n = 0; n < 12; n++) {
    const id = await make('mail', `p${n}`, n % 2 ? 'Be brief {{x}}' : `For example: ${'much more to say. '.repeat(100 + n)}`)
    ids.push(id)
    events.push(...use(id, 30, n % 2 ? 27 : 18))
  }
  for (let n = 0; n < 4; n++) events.push(...use(await make('other', `o${n}`, 'x'), 20, 2))
  events.push(...use(t.promptId, 10, 10))
  expect((await t.tell(...events)).body.errors).toBeUndefined()
  await t.app.analytics.settle()
})
afterAll(() => t.stop())

const ask = (id: string, query = '', call: Call = t.owner) => call('GET', `/prompts/${id}/prediction${query}`)

test('a prompt is predicted from its uses, shrunk to its category', async () => {
  const { status, body } = await ask(ids[1]!)
  expect([status, body.enough, body.requests, body.observed]).toEqual([200, true, 30, 0.9])
  expect(body.prior).toMatchObject({ of: 'category', prompts: 11 })
  expect(body.prior.successRate).toBeCloseTo(0.74, 1)
  expect(body.predicted.successRate).toBeLessThan(0.9)
  expect(body.predicted.successRate).toBeGreaterThan(body.prior.successRate)
  expect(body.predicted.low).toBeLessThan(body.predicted.successRate)
  expect(body.predicted.high).toBeGreaterThan(body.predicted.successRate)
  expect(body.text).toMatch(/95 % interval .*90\.0 % of 30 did\. The other 11 prompts of its category/)
})

test('features tell short prompts from long ones, and how good that is', async () => {
  const [long, short] = [(await ask(ids[0]!)).body, (await ask(ids[1]!)).body]
  expect(short.fromFeatures.successRate).toBeGreaterThan(long.fromFeatures.successRate + 0.15)
  expect(short.fromFeatures.effects.map(({ feature }: { feature: string }) => feature)).toEqual(
    expect.arrayContaining(['length', 'examples', 'model gpt-4o']),
  )
  expect(short.calibration.rows).toBe(16)
  expect(short.calibration.brier).toBeLessThan(short.calibration.baseBrier)
  expect((await ask(ids[1]!)).body).toEqual(short)
})

test('under 20 uses there is not enough data', async () => {
  const { status, body } = await ask(t.promptId)
  expect([status, body]).toEqual([
    200,
    expect.objectContaining({ enough: false, requests: 10, observed: 1, predicted: null, fromFeatures: null, calibration: null }),
  ])
  expect([body.prior.of, body.text]).toEqual(['workspace', expect.stringMatching(/^Not enough data: 10 uses/)])
  expect((await ask(ids[1]!, '?version=7')).body).toMatchObject({ enough: false, requests: 0, observed: null, version: 7 })
  expect((await ask(ids[1]!, '?version=1')).body).toMatchObject({ enough: true, version: 1 })
})

test('there is none of a prompt that does not exist, or that the caller may not see', async () => {
  const answer = await ask('01234567-89ab-7def-8123-456789abcdef')
  expect([answer.status, answer.body.code]).toEqual([404, 'prompt.not_found'])
  await t.owner('POST', '/roles', { name: 'part', permissions: ['prompts:read', 'analytics:read'], categories: ['other', 'measured'] })
  const key = (await t.owner('POST', '/api-keys', { name: 'part', role: 'part' })).body.key
  const limited: Call = (method, path, body) => t.owner(method, path, body, { authorization: `Bearer ${key}` })
  expect((await ask(ids[1]!, '', limited)).status).toBe(404)
  expect((await ask(t.promptId, '', limited)).body.prior).toMatchObject({ of: 'workspace', prompts: 4 })
})
