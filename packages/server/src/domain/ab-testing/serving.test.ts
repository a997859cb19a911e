import { assign } from '@prompt-store/assignment'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cloneDatabase, startTestApp, type TestApp } from '../../testing/index.ts'
import { readExposureId } from './model/exposure-id.ts'
import { aRunningTest, arms, aUnitThat } from './testing/arms.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

const assigned = (id: string, unitId: string, more = '') =>
  t.owner('GET', `/optimization/ab-tests/${id}/assign?unitId=${encodeURIComponent(unitId)}${more}`)
const select = (id: string, unitId: string, more = '') =>
  t.owner('GET', `/ab-tests/${id}/select?unitId=${encodeURIComponent(unitId)}${more}`)
const exposures = async (id: string) => {
  await t.app.abTesting.settle()
  return t.database.query<{ variant: string; phase: number; checksum: string }>(
    'select variant, phase, checksum from ab_exposure where test_id = $1 order by phase, variant',
    [id],
  )
}
const units = ['user-1', 'user-2', '用户-1', '😊', 'userØ', 'a b+c&d=e%', "it's", 'x'.repeat(900)]

describe('GET …/assign', () => {
  test('says what the SDK computes from the resource, for ids in every script, on every instance', async () => {
    const made = await aRunningTest(t, {
      coverage: 0.7,
      trafficSplit: 0.3,
      holdout: 0.1,
      namespace: { name: 'σελίδα', start: 0, end: 8_000 },
    })
    const { body: shown } = await t.owner('GET', `/ab-tests/${made.id}`)
    const all = [...units, ...Array.from({ length: 100 }, (_, i) => `u${i}`)]
    const seen = await Promise.all(all.map(async (unit) => (await assigned(made.id, unit)).body))
    expect(seen.map(({ variant, enrolled, reason }) => ({ variant, enrolled, reason }))).toEqual(all.map((unit) => assign(shown, unit)))
    expect(new Set(seen.map(({ reason }) => reason))).toEqual(new Set(['assigned', 'coverage', 'holdout', 'namespace']))
    const again = await startTestApp({ database: t.database })
    const later = await Promise.all(
      all.map(
        async (unit) => (await again.owner('GET', `/optimization/ab-tests/${made.id}/assign?unitId=${encodeURIComponent(unit)}`)).body,
      ),
    )
    await again.stop()
    expect(later).toEqual(seen)
  })

  test('names the variant’s prompt and version, and an exposure that says phase, variant and unit', async () => {
    const made = await aRunningTest(t, { trafficSplit: 1 })
    const { body, headers } = await assigned(made.id, 'somebody')
    expect(body).toEqual({
      testId: made.id,
      variant: 'B',
      promptId: made.variants[1].promptId,
      version: 1,
      enrolled: true,
      reason: 'assigned',
      exposureId: expect.any(String),
    })
    expect(headers.get('cache-control')).toBe('no-store')
    expect(readExposureId(made.id, body.exposureId)).toEqual({ phase: 1, variant: 1, unitHash: expect.stringMatching(/^[0-9a-f]{16}$/) })
    expect(readExposureId(made.variants[0].promptId, body.exposureId)).toBeUndefined()
    expect(await exposures(made.id)).toEqual([])
  })

  test('shows the control before the start, in a pause and after the end, and says which', async () => {
    const [promptAId, promptBId] = await arms(t, 'One', 'Two')
    const { id } = (await t.owner('POST', '/optimization/ab-tests', { name: 'stopped', promptAId, promptBId, trafficSplit: 1 })).body
    const sees = async () => {
      const { variant, enrolled, reason, exposureId } = (await assigned(id, 'u')).body
      return [variant, enrolled, reason, exposureId === null]
    }
    expect([await sees(), (await assigned(id, 'u')).body.version]).toEqual([['A', false, 'draft', true], null])
    await t.owner('POST', `/ab-tests/${id}/start`)
    expect(await sees()).toEqual(['B', true, 'assigned', false])
    await t.owner('POST', `/ab-tests/${id}/pause`)
    expect(await sees()).toEqual(['A', false, 'paused', true])
    await t.owner('POST', `/optimization/ab-tests/${id}/end`, {})
    expect(await sees()).toEqual(['A', false, 'ended', true])
  })

  test('looks at attributes where there is targeting; what they lack is not met', async () => {
    const { id } = await aRunningTest(t, { targeting: 'attr.plan == "pro" && int(attr.seats) > 3', trafficSplit: 1 })
    const reasons = await Promise.all(
      ['&attr.plan=pro&attr.seats=4', '&attr.plan=pro&attr.seats=3', '&attr.plan=free&attr.seats=9', '&attr.plan=pro', ''].map(
        async (more) => (await assigned(id, 'u', more)).body.reason,
      ),
    )
    expect(reasons).toEqual(['assigned', 'targeting', 'targeting', 'targeting', 'targeting'])
  })

  test('a forced unit sees what it is forced to, and is not enrolled', async () => {
    const { id } = await aRunningTest(t, { forced: { 'qa 😊': 'B' }, trafficSplit: 0 })
    expect((await assigned(id, 'qa 😊')).body).toMatchObject({ variant: 'B', enrolled: false, reason: 'forced', exposureId: null })
  })

  test('refuses a unit that is missing, empty or no text, and parameters that there are not', async () => {
    const { id } = await aRunningTest(t)
    const status = async (query: string) => (await t.owner('GET', `/optimization/ab-tests/${id}/assign${query}`)).status
    expect(await Promise.all(['', '?unitId=', '?unitId=u&colour=red', `?unitId=${'x'.repeat(1_001)}`, '?unitId=%00'].map(status))).toEqual([
      400, 400, 400, 400, 422,
    ])
  })
})

test('after a stop and a start on the same database units see what they saw, whatever they are called; a sticky one too', async () => {
  const database = await cloneDatabase()
  const before = await startTestApp({ database })
  const [plain, sticky] = [await aRunningTest(before, { coverage: 0.8 }), await aRunningTest(before, { sticky: true })]
  const seen = (app: TestApp, what: 'assign' | 'select') =>
    Promise.all(
      [plain, sticky].flatMap(({ id }) =>
        [...units, '客户-1 😊', '👩‍🚀', 'ユーザー', ...Array.from({ length: 20 }, (_, i) => `사용자 ${i}`)].map(async (unit) => {
          const path = what === 'assign' ? `/optimization/ab-tests/${id}/assign` : `/ab-tests/${id}/select`
          const { testId, variant, version, enrolled, reason, exposureId } = (
            await app.owner('GET', `${path}?unitId=${encodeURIComponent(unit)}`)
          ).body
          return { testId, variant, version, enrolled, reason, exposureId }
        }),
      ),
    )
  const first = await seen(before, 'select')
  expect(new Set(first.map(({ variant, reason }) => `${variant} ${reason}`))).toEqual(new Set(['A assigned', 'B assigned', 'A coverage']))
  await before.owner('PUT', `/ab-tests/${sticky.id}`, { coverage: 0 })
  await before.stop() // the exposures that are on their way are written
  const again = await startTestApp({ database })
  try {
    for (const what of ['assign', 'select'] as const)
      expect((await seen(again, what)).map(({ exposureId: _, ...rest }) => rest)).toEqual(first.map(({ exposureId: _, ...rest }) => rest))
    const ofPlain = (all: typeof first) => all.filter(({ testId }) => testId === plain.id)
    expect(ofPlain(await seen(again, 'assign'))).toEqual(ofPlain(first))
  } finally {
    await again.stop()
    await database.drop()
  }
})

describe('a sticky test', () => {
  test('keeps who has seen a variant there, whatever becomes of weights and coverage', async () => {
    const made = await aRunningTest(t, { sticky: true })
    const unit = await aUnitThat(t, made.id, ({ variant }) => variant === 'B')
    await select(made.id, unit)
    await t.app.abTesting.settle()
    const variants = made.variants.map((variant: object, i: number) => ({ ...variant, weight: 1 - i }))
    await t.owner('PUT', `/ab-tests/${made.id}`, { variants, coverage: 0 })
    expect((await assigned(made.id, unit)).body).toMatchObject({ variant: 'B', enrolled: true })
    expect((await assigned(made.id, 'a newcomer')).body).toMatchObject({ variant: 'A', enrolled: false, reason: 'coverage' })
  })

  test('keeps it from the first moment, though the exposure is not written yet', async () => {
    const made = await aRunningTest(t, { sticky: true })
    const unit = await aUnitThat(t, made.id, ({ variant }) => variant === 'B')
    const busy = new pg.Client(t.database.url)
    await busy.connect()
    try {
      await busy.query('begin; lock table ab_exposure in exclusive mode') // nothing is written, and all is read
      expect((await select(made.id, unit)).body.variant).toBe('B')
      expect((await t.owner('PUT', `/ab-tests/${made.id}`, { coverage: 0 })).status).toBe(200)
      expect((await assigned(made.id, unit)).body).toMatchObject({ variant: 'B', enrolled: true })
    } finally {
      await busy.end()
    }
  })
})

describe('…/select', () => {
  test('serves the variant’s prompt with the values filled in, and notes the exposure once for each unit and phase', async () => {
    const made = await aRunningTest(t, { trafficSplit: 1 })
    const { body, headers } = await select(made.id, '用户', '&var.who=you')
    expect([body.variant, body.prompt.rendered, body.prompt.version]).toEqual(['B', 'Hi you', 1])
    expect(
      Object.fromEntries(
        ['cache-control', 'x-prompt-version', 'x-prompt-variant', 'x-prompt-exposure', 'x-prompt-checksum', 'etag'].map((name) => [
          name,
          headers.get(name),
        ]),
      ),
    ).toEqual({
      'cache-control': 'no-store',
      'x-prompt-version': '1',
      'x-prompt-variant': 'B',
      'x-prompt-exposure': body.exposureId,
      'x-prompt-checksum': body.prompt.checksum,
      etag: null,
    })
    const post = await t.owner('POST', `/ab-tests/${made.id}/select`, { unitId: '用户', variables: { who: 'them' } })
    expect([post.body.prompt.rendered, post.body.exposureId]).toEqual(['Hi them', body.exposureId])
    expect(await exposures(made.id)).toEqual([{ variant: 'B', phase: 1, checksum: body.prompt.checksum }])
    await t.owner('PUT', `/ab-tests/${made.id}`, { coverage: 0.999 })
    const unit = await aUnitThat(t, made.id, ({ enrolled }) => enrolled === true)
    await Promise.all([select(made.id, unit), select(made.id, unit)])
    expect((await exposures(made.id)).map(({ phase }) => phase)).toEqual([1, 2])
  })

  test('who is not enrolled gets the control, and is not noted', async () => {
    const made = await aRunningTest(t, { coverage: 0 })
    const { body } = await select(made.id, 'u')
    expect([body.variant, body.enrolled, body.prompt.content]).toEqual(['A', false, 'Hello {{who}}'])
    expect(await exposures(made.id)).toEqual([])
  })

  test('the hash of a unit is keyed: neither its id nor a plain hash of it is in the database', async () => {
    const made = await aRunningTest(t)
    await select(made.id, 'ada@example.org')
    await exposures(made.id)
    const [row] = await t.database.query<{ hash: string }>(`select encode(unit_hash, 'hex') as hash from ab_exposure where test_id = $1`, [
      made.id,
    ])
    expect(row?.hash).toMatch(/^[0-9a-f]{16}$/)
  })

  const needed = [422, 'variables.invalid', '/variables/who', '"who" (string) is needed.']
  const wrong = [422, 'variables.invalid', '/variables/who', '"who" must be of type string.']
  const mismatch = (pointer: string, what: string) => [400, 'request.invalid', pointer, what]
  test.each<[string, object | string, unknown[]]>([
    ['no value', { unitId: 'u', variables: {} }, needed],
    ['null', { unitId: 'u', variables: { who: null } }, needed],
    ['a number', { unitId: 'u', variables: { who: 3 } }, wrong],
    ['an object', { unitId: 'u', variables: { who: { a: 1 } } }, wrong],
    ['a list of values', { unitId: 'u', variables: [] }, mismatch('/variables', 'It must be object.')],
    ['no unit', { variables: {} }, mismatch('/unitId', 'The field "unitId" is needed.')],
    ['a unit that is no text', { unitId: 3, variables: {} }, mismatch('/unitId', 'It must be string.')],
    ['another variable’s value in the query', '&var.whom=y', needed],
    ['two values in the query', '&var.who=a&var.who=b', mismatch('?var.who', 'It must be string.')],
    ['two units in the query', '&unitId=v', mismatch('?unitId', 'It must be string.')],
  ])('%s is refused, and nobody was exposed to what they were not served', async (_, sent, expected) => {
    const made = await aRunningTest(t)
    const refused = typeof sent === 'string' ? await select(made.id, 'u', sent) : await t.owner('POST', `/ab-tests/${made.id}/select`, sent)
    const [error] = refused.body.errors
    expect([refused.status, refused.body.code, error.pointer, error.detail]).toEqual(expected)
    expect(await exposures(made.id)).toEqual([])
  })
})

describe('what becomes of a variant’s prompt under a running test', () => {
  const move = (id: string, status: string) => t.owner('PUT', `/prompts/${id}/lifecycle`, { status, reason: 'Old' })
  const undo = {
    deleted: (id: string) => t.owner('POST', `/prompts/${id}/restore`),
    archived: (id: string) => move(id, 'draft'),
  }
  test.each(['deleted', 'archived'] as const)('%s: its units see the control, visibly, and are not noted', async (what) => {
    const made = await aRunningTest(t, { trafficSplit: 1 })
    const [{ promptId: control }, { promptId }] = made.variants
    expect((await assigned(made.id, 'u')).body.variant).toBe('B')
    const done = await (what === 'deleted' ? t.owner('DELETE', `/prompts/${promptId}?force=true`) : move(promptId, 'archived'))
    expect(done.status).toBe(what === 'deleted' ? 204 : 200)
    const instead = { variant: 'A', promptId: control, enrolled: false, reason: 'unavailable', exposureId: null }
    expect((await assigned(made.id, 'u')).body).toMatchObject(instead)
    const selected = await select(made.id, 'u')
    expect(selected.body).toMatchObject({ ...instead, prompt: { content: 'Hello {{who}}' } })
    expect(await exposures(made.id)).toEqual([])
    await undo[what](promptId)
    expect((await select(made.id, 'u')).body).toMatchObject({ variant: 'B', enrolled: true, prompt: { content: 'Hi {{who}}' } })
  })

  test('re-versioned: the pinned version is served still', async () => {
    const made = await aRunningTest(t, { trafficSplit: 1 })
    const { promptId } = made.variants[1]
    await t.owner('PUT', `/prompts/${promptId}/content`, { content: 'Changed', labels: ['production'] })
    await t.owner('PUT', `/prompts/${promptId}/labels/production`, { version: 2 })
    expect((await select(made.id, 'u')).body.prompt).toMatchObject({ version: 1, content: 'Hi {{who}}' })
  })

  test('the control deleted: a variant is served, the control is 404', async () => {
    const made = await aRunningTest(t, { trafficSplit: 1 })
    await t.owner('DELETE', `/prompts/${made.variants[0].promptId}?force=true`)
    expect((await select(made.id, 'u')).body.variant).toBe('B')
    await t.owner('POST', `/ab-tests/${made.id}/pause`)
    const gone = await select(made.id, 'u')
    expect([gone.status, gone.body.code]).toEqual([404, 'prompt.not_found'])
  })
})

test('an arm without weight is never seen, and gets its units when it gets weight', async () => {
  const [a, b, c] = await arms(t, 'One', 'Two', 'Three')
  const variants = [a, b, c].map((promptId, i) => ({ key: 'xyz'[i], promptId, weight: i === 1 ? 0 : 1 }))
  const made = (await t.owner('POST', '/optimization/ab-tests', { name: 'zero', variants, start: true })).body
  const seen = async () =>
    new Set(await Promise.all(Array.from({ length: 60 }, async (_, i) => (await assigned(made.id, `u${i}`)).body.variant)))
  expect(await seen()).toEqual(new Set(['x', 'z']))
  await t.owner('PUT', `/ab-tests/${made.id}`, { variants: made.variants.map((variant: object) => ({ ...variant, weight: 1 })) })
  expect(await seen()).toEqual(new Set(['x', 'y', 'z']))
})

test('through the service, at coverage 10 %, a few thousand units split as they should', async () => {
  const made = await aRunningTest(t, { coverage: 0.1 })
  const counts: Record<string, number> = {}
  for (let from = 0; from < 3_000; from += 100)
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const { reason, variant } = (await assigned(made.id, `unit-${from + i}`)).body
        const key = reason === 'assigned' ? variant : reason
        counts[key] = (counts[key] ?? 0) + 1
      }),
    )
  const away = (count: number, n: number, p: number) => Math.abs(count - n * p) / Math.sqrt(n * p * (1 - p))
  const enrolled = counts.A! + counts.B!
  expect(away(enrolled, 3_000, 0.1)).toBeLessThan(4)
  expect(away(counts.A!, enrolled, 0.5)).toBeLessThan(4)
})
