import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import { arms, aUnitThat } from './testing/arms.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

let counter = 0
/** A prompt whose label production stands on the first of two versions. */
async function aPrompt() {
  const name = `overlaid ${counter++}`
  const { id } = (await t.owner('POST', '/prompts', { content: 'Hello {{who}}', category: 'overlay', name, labels: ['production'] })).body
  await t.owner('PUT', `/prompts/${id}/content`, { content: 'Hi {{who}}' })
  return { id: id as string, path: `/prompts/search/overlay/${encodeURIComponent(name)}`, name }
}

/** A test of its two versions, that runs on production unless told. */
const create = (id: string, more: object = {}) => {
  const variants = [
    { key: 'A', promptId: id, version: 1 },
    { key: 'B', promptId: id, version: 2 },
  ]
  return t.owner('POST', '/optimization/ab-tests', { name: 'overlay', variants, overlayLabel: 'production', start: true, ...more })
}

async function overlaid(more: object = {}) {
  const prompt = await aPrompt()
  const made = await create(prompt.id, more)
  expect([made.status, made.text]).toEqual([201, expect.anything()])
  const read = (unitId?: string, rest = '', app = t) =>
    app.owner('GET', `${prompt.path}?${unitId === undefined ? '' : `unitId=${encodeURIComponent(unitId)}`}${rest}`)
  return { ...prompt, testId: made.body.id as string, read }
}
const exposed = async (testId: string) => {
  await t.app.abTesting.settle()
  return t.database.query('select variant from ab_exposure where test_id = $1 order by variant', [testId])
}
const facts = ({ body, headers }: { body: { version?: number }; headers: Headers }) => [
  body.version,
  headers.get('x-prompt-variant'),
  headers.get('x-prompt-test'),
]

describe('a label on which a test runs', () => {
  test('shows each unit its variant, as assign tells it, and notes who was exposed; nobody else sees anything of it', async () => {
    const { id, testId, read, path, name } = await overlaid()
    const [a, b] = [
      await aUnitThat(t, testId, ({ variant }) => variant === 'A'),
      await aUnitThat(t, testId, ({ variant }) => variant === 'B'),
    ]
    expect(facts(await read(a))).toEqual([1, 'A', testId])
    const shown = await read(b)
    expect(facts(shown)).toEqual([2, 'B', testId])
    expect(shown.body).toMatchObject({ id, content: 'Hi {{who}}' })
    expect(['etag', 'cache-control', 'x-prompt-label'].map((header) => shown.headers.get(header))).toEqual([null, 'no-store', 'production'])
    expect(shown.headers.get('x-prompt-exposure')).toBe(
      (await t.owner('GET', `/optimization/ab-tests/${testId}/assign?unitId=${b}`)).body.exposureId,
    )
    const told = await t.owner('POST', `/optimization/ab-tests/${testId}/results`, { unitId: b, success: true })
    expect([told.status, told.body]).toEqual([202, { accepted: 1, duplicates: 0 }]) // also while its exposure is on its way
    expect((await read(b, '&var.who=Ada')).body.rendered).toBe('Hi Ada')
    const posted = await t.owner('POST', '/prompts/resolve', { category: 'overlay', name, unitId: b, variables: { who: 'Ada' } })
    expect([...facts(posted), posted.body.rendered]).toEqual([2, 'B', testId, 'Hi Ada'])
    expect(facts(await t.owner('GET', path))).toEqual([1, null, null])
    expect(facts(await read(b, '&version=1'))).toEqual([1, null, null])
    await t.owner('PUT', `/prompts/${id}/labels/staging`, { version: 1 })
    expect(facts(await read(b, '&label=staging'))).toEqual([1, null, null])
    expect(await exposed(testId)).toEqual([{ variant: 'A' }, { variant: 'B' }])
  })

  test('shows the same to the same unit after a restart, whatever the unit is called', async () => {
    const { read } = await overlaid()
    const units = Array.from({ length: 40 }, (_, n) => `客户-${n} 😊`)
    const versions = async (app: TestApp) => {
      const seen: number[] = []
      for (const unit of units) seen.push((await read(unit, '', app)).body.version)
      return seen
    }
    const before = await versions(t)
    expect(new Set(before).size).toBe(2)
    const again = await startTestApp({ database: t.database })
    try {
      expect(await versions(again)).toEqual(before)
    } finally {
      await again.app.stop()
    }
  })

  test('is what it always was for who takes no part: by coverage, by targeting, in a pause', async () => {
    const none = await overlaid({ coverage: 0 })
    const answer = await none.read('u')
    expect([...facts(answer), answer.headers.get('etag')]).toEqual([1, null, null, expect.any(String)])
    expect(await exposed(none.testId)).toEqual([])
    const some = await overlaid({ targeting: 'attr.plan == "pro"' })
    expect(facts(await some.read('u'))).toEqual([1, null, null])
    expect((await some.read('u', '&attr.plan=pro')).headers.get('x-prompt-test')).toBe(some.testId)
    const paused = await overlaid()
    await t.owner('POST', `/ab-tests/${paused.testId}/pause`)
    expect(facts(await paused.read('u'))).toEqual([1, null, null])
  })

  test('is obeyed when it is moved away from the control: a test overrules nobody', async () => {
    const { id, testId, read } = await overlaid()
    const unit = await aUnitThat(t, testId, ({ variant }) => variant === 'B')
    await t.owner('PUT', `/prompts/${id}/content`, { content: 'Repaired' })
    await t.owner('PUT', `/prompts/${id}/labels/production`, { version: 3 })
    expect(facts(await read(unit))).toEqual([3, null, null])
    await t.owner('PUT', `/prompts/${id}/labels/production`, { version: 1 })
    expect(facts(await read(unit))).toEqual([2, 'B', testId])
  })

  test('is what a unit sees whose variant cannot be served any more, without being counted', async () => {
    const { id } = await aPrompt()
    const [other] = await arms(t, 'Elsewhere')
    const variants = [
      { key: 'A', promptId: id },
      { key: 'B', promptId: other },
    ]
    const { body } = await create(id, { variants })
    const unit = await aUnitThat(t, body.id, ({ variant }) => variant === 'B')
    const read = () => t.owner('POST', '/prompts/resolve', { category: 'overlay', name: `overlaid ${counter - 1}`, unitId: unit })
    expect((await read()).body).toMatchObject({ id: other, content: 'Elsewhere' })
    await t.owner('DELETE', `/prompts/${other}?force=true`)
    expect([(await read()).body.id, (await read()).headers.get('x-prompt-test')]).toEqual([id, null])
    expect(await exposed(body.id)).toEqual([{ variant: 'B' }])
  })

  test('is not opened by it: who may not read the prompt, or asks for a label that is not set, is refused as before', async () => {
    const { read, path } = await overlaid()
    expect((await read('u', '&label=nowhere')).body.code).toBe('label.not_found')
    const writer = await t.as('abtests:read')
    expect((await writer('GET', `${path}?unitId=u`)).status).toBe(403)
    const reader = await t.as('prompts:read')
    expect((await reader('GET', `${path}?unitId=u`)).status).toBe(200)
    expect((await (await t.stranger())('GET', `${path}?unitId=u`)).status).toBe(404)
  })
})

describe('a test on a label', () => {
  test('starts only where the label stands on its control, which is what the label says unless told', async () => {
    const { id } = await aPrompt()
    const refused = async (more: object) => {
      const { status, body } = await create(id, more)
      return [status, body.code, body.errors?.[0]?.pointer]
    }
    const swapped = [
      { key: 'A', promptId: id, version: 2 },
      { key: 'B', promptId: id, version: 1 },
    ]
    expect(await refused({ variants: swapped })).toEqual([422, 'ab_test.invalid', '/overlayLabel'])
    expect(await refused({ overlayLabel: 'staging' })).toEqual([404, 'label.not_found', undefined])
    await t.owner('PUT', `/prompts/${id}/labels/staging`, { version: 2 })
    const variants = [
      { key: 'A', promptId: id },
      { key: 'B', promptId: id, version: 1 },
    ]
    expect((await create(id, { overlayLabel: 'staging', variants })).body.variants[0].version).toBe(2)
  })

  test('has it alone, also while it pauses', async () => {
    const { id, testId } = await overlaid()
    await t.owner('POST', `/ab-tests/${testId}/pause`)
    const second = await create(id)
    expect([second.status, second.body.code, second.body.testId]).toEqual([409, 'ab_test.label_taken', testId])
    await t.owner('POST', `/optimization/ab-tests/${testId}/end`, {})
    const both = await Promise.all([create(id), create(id)])
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409])
  })

  test('lets it move to the winner when it ends, unless that is not wanted', async () => {
    const { id, testId, read } = await overlaid()
    const ended = await t.owner('POST', `/optimization/ab-tests/${testId}/end`, { winner: 'B' })
    expect([ended.body.winner, ended.body.decision.action]).toEqual(['B', 'promote'])
    for (const unit of [undefined, 'u1', 'u2']) expect(facts(await read(unit))).toEqual([2, null, null])
    await t.owner('PUT', `/prompts/${id}/labels/production`, { version: 1 })
    const again = (await create(id)).body
    const left = await t.owner('POST', `/optimization/ab-tests/${again.id}/end`, { winner: 'B', promoteTo: null })
    expect([left.body.decision.action, (await read()).body.version]).toEqual(['end', 1])
  })

  test('does not end when the label may not move', async () => {
    const { testId, read } = await overlaid()
    const call = await t.as('abtests:read', 'abtests:write', 'prompts:read')
    const refused = await call('POST', `/optimization/ab-tests/${testId}/end`, { winner: 'B' })
    expect([refused.status, refused.body.permission]).toEqual([403, 'labels:write'])
    expect([(await t.owner('GET', `/ab-tests/${testId}`)).body.status, (await read()).body.version]).toEqual(['running', 1])
  })
})
