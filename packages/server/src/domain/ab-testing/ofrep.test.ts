import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import { aKeyWith } from '../access/testing/rights-kit.ts'
import { aRunningTest, arms } from './testing/arms.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

const flags = '//ofrep/v1/evaluate/flags'
const evaluate = (key: string, context?: unknown) =>
  t.owner('POST', `${flags}/${encodeURIComponent(key)}`, context === undefined ? {} : { context })

describe('a test as an OpenFeature flag', () => {
  test('is evaluated by its id or its name: the variant and its prompt, with version and checksum; and is an exposure', async () => {
    const made = await aRunningTest(t, { name: 'grüße 😊', trafficSplit: 1, targeting: 'attr.plan == "pro"' })
    const context = { targetingKey: 'user-1', plan: 'pro' }
    const { status, body } = await evaluate(made.id, context)
    expect([status, body]).toEqual([
      200,
      {
        key: made.id,
        reason: 'SPLIT',
        variant: 'B',
        value: { variant: 'B', prompt: expect.objectContaining({ content: 'Hi {{who}}', version: 1 }) },
        metadata: {
          testId: made.id,
          promptId: made.variants[1].promptId,
          enrolled: true,
          why: 'assigned',
          version: 1,
          checksum: body.value.prompt.checksum,
          exposureId: expect.any(String),
        },
      },
    ])
    expect((await evaluate('grüße 😊', context)).body).toEqual({ ...body, key: 'grüße 😊' })
    await t.app.abTesting.settle()
    expect(await t.database.query('select variant from ab_exposure where test_id = $1', [made.id])).toEqual([{ variant: 'B' }])
    expect((await evaluate(made.id, { targetingKey: 'user-1', plan: 'free' })).body).toMatchObject({ reason: 'DEFAULT', variant: 'A' })
    await t.owner('POST', `/ab-tests/${made.id}/pause`)
    expect((await evaluate(made.id, context)).body).toMatchObject({ reason: 'DISABLED', variant: 'A' })
  })

  test.each<[string, unknown, number, string]>([
    ['no context', {}, 400, 'TARGETING_KEY_MISSING'],
    ['no targeting key', { context: { plan: 'pro' } }, 400, 'TARGETING_KEY_MISSING'],
    ['a targeting key that is no text', { context: { targetingKey: 7 } }, 400, 'INVALID_CONTEXT'],
    ['a context that is none', { context: 'me' }, 400, 'INVALID_CONTEXT'],
    ['no JSON', '{"context":', 400, 'PARSE_ERROR'],
    ['a list', [], 400, 'PARSE_ERROR'],
  ])('%s is told in the words of the protocol', async (_, body, status, errorCode) => {
    const { id } = await aRunningTest(t)
    const one = await t.owner('POST', `${flags}/${id}`, body)
    expect([one.status, one.body]).toEqual([status, { key: id, errorCode, errorDetails: expect.any(String) }])
    const all = await t.owner('POST', flags, body)
    expect([all.status, all.body]).toEqual([status, { errorCode, errorDetails: expect.any(String) }])
  })

  test('a flag that is not there is FLAG_NOT_FOUND; unknown fields are the protocol’s business', async () => {
    for (const key of ['nothing', '01900000-0000-7000-8000-000000000000', 'constructor']) {
      const { status, body } = await evaluate(key, { targetingKey: 'u' })
      expect([status, body]).toEqual([404, { key, errorCode: 'FLAG_NOT_FOUND', errorDetails: expect.any(String) }])
    }
    const { id } = await aRunningTest(t)
    expect((await t.owner('POST', `${flags}/${id}`, { context: { targetingKey: 'u' }, trace: true })).status).toBe(200)
  })

  test('goes by its name for whoever may see it, though a newer test that they may not see has the same', async () => {
    const [shown] = await arms(t, 'For all')
    const hidden = (await t.owner('POST', '/prompts', { content: 'Secret', category: 'secret' })).body.id
    const own = await aRunningTest(t, { name: 'namesake', promptAId: shown, promptBId: shown })
    await aRunningTest(t, { name: 'namesake', promptAId: hidden, promptBId: hidden })
    const limited = await aKeyWith(t, { permissions: ['prompts:read'], categories: ['arms'] })
    const ask = { context: { targetingKey: 'u' } }
    const one = await limited('POST', `${flags}/namesake`, ask)
    expect([one.status, one.body.metadata.testId]).toEqual([200, own.id])
    const all = (await limited('POST', flags, ask)).body.flags as { key: string; metadata: { testId: string } }[]
    expect(all.find(({ metadata }) => metadata.testId === own.id)?.key).toBe('namesake')
    await t.owner('POST', `/optimization/ab-tests/${own.id}/end`, {})
    const ended = await limited('POST', `${flags}/namesake`, ask)
    expect([ended.status, ended.body.metadata.testId, ended.body.reason]).toEqual([200, own.id, 'DISABLED'])
  })

  test('takes the same keys as everything, and is nothing to other workspaces', async () => {
    const { id } = await aRunningTest(t)
    const ask = { context: { targetingKey: 'u' } }
    expect((await t.anonymous('POST', `${flags}/${id}`, ask)).status).toBe(401)
    const reader = await t.as('abtests:read')
    expect((await reader('POST', flags, ask)).status).toBe(403)
    const stranger = await t.stranger()
    expect((await stranger('POST', `${flags}/${id}`, ask)).body.errorCode).toBe('FLAG_NOT_FOUND')
    expect((await stranger('POST', flags, ask)).body).toEqual({ flags: [] })
  })
})

describe('all flags at once', () => {
  test('are the tests that run, by name, with an entity tag that holds until something changes; nobody is exposed by it', async () => {
    const own = await startTestApp()
    try {
      const first = await aRunningTest(own, { name: 'one', trafficSplit: 1 })
      await aRunningTest(own, { name: 'two', coverage: 0 })
      const namesake = await aRunningTest(own, { name: 'one' })
      const ask = (headers = {}) => own.owner('POST', flags, { context: { targetingKey: 'u' } }, headers)
      const { status, body, headers } = await ask()
      expect([status, body.flags.map(({ key }: { key: string }) => key)]).toEqual([200, ['one', 'two', first.id]])
      expect(body.flags[1]).toMatchObject({ variant: 'A', reason: 'DEFAULT', metadata: { why: 'coverage' } })
      const etag = headers.get('etag')!
      const same = await ask({ 'if-none-match': etag })
      expect([same.status, same.text, same.headers.get('etag')]).toEqual([304, '', etag])
      await own.owner('DELETE', `/prompts/${first.variants[0].promptId}?force=true`)
      await own.owner('POST', `/optimization/ab-tests/${namesake.id}/end`, {})
      const next = await ask({ 'if-none-match': etag })
      expect([next.status, next.body.flags.map(({ key }: { key: string }) => key)]).toEqual([200, ['two', 'one']])
      await own.owner('DELETE', `/prompts/${first.variants[1].promptId}?force=true`)
      expect((await ask()).body.flags[1]).toEqual({ key: 'one', errorCode: 'GENERAL', errorDetails: expect.any(String) })
      await own.app.abTesting.settle()
      expect(await own.database.query('select 1 from ab_exposure')).toEqual([])
    } finally {
      await own.stop()
    }
  })
})
