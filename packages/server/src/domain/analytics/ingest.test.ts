import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Measured, startMeasured } from './testing/analytics-kit.ts'

let t: Measured
beforeAll(async () => {
  t = await startMeasured()
})
afterAll(() => t.stop())

const stored = async (where = 'true') =>
  (await t.database.query<{ n: number }>(`select count(*)::int as n from usage_event where ${where}`))[0]!.n
const problemsOf = (body: { errors?: { index: number; problem: { code: string; errors?: { pointer: string }[] } }[] }) =>
  (body.errors ?? []).map(({ index, problem }) => [index, problem.code, problem.errors?.[0]?.pointer])

describe('telling of uses', () => {
  test('one event is stored when it is answered, with its cost by the price table', async () => {
    const { status, body } = await t.owner('POST', '/analytics/usage', t.event({ eventId: 'first', cachedTokens: 500, userId: 'u1' }))
    expect([status, body]).toEqual([202, { accepted: 1, duplicates: 0 }])
    const rows = await t.database.query<object>(
      `select latency_us, cost_micros, input_tokens, cached_tokens, flags, length(user_hash) as user, rest from usage_event`,
    )
    expect(rows).toEqual([
      { latency_us: '250000', cost_micros: '2875', input_tokens: 1000, cached_tokens: 500, flags: 1, user: 8, rest: null },
    ])
  })

  test('the same eventId counts once, whatever its time, in one request and in many at once', async () => {
    const before = await stored()
    const twice = await t.tell(
      t.event({ eventId: 'twice' }),
      t.event({ eventId: 'twice', occurredAt: new Date(Date.now() - 9e7).toISOString() }),
    )
    expect(twice.body).toEqual({ accepted: 1, duplicates: 1 })
    const answers = await Promise.all(Array.from({ length: 20 }, () => t.owner('POST', '/analytics/usage', t.event({ eventId: 'raced' }))))
    expect(answers.reduce((sum, { body }) => sum + body.accepted, 0)).toBe(1)
    expect(await stored()).toBe(before + 2)
  })

  test('another workspace may use the same eventId, but not the prompt', async () => {
    const stranger = await t.stranger()
    const other = await stranger('POST', '/prompts', { content: 'x' })
    const told = await stranger('POST', '/analytics/usage', t.event({ eventId: 'first', promptId: other.body.id, version: undefined }))
    expect(told.body).toEqual({ accepted: 1, duplicates: 0 })
    const foreign = await stranger('POST', '/analytics/usage', t.event())
    expect([foreign.status, foreign.body.code]).toEqual([422, 'measurement.prompt_unknown'])
  })

  test('what is named twice and differently is counted by promptId, with a warning', async () => {
    const right = await t.tell(t.event({ category: 'measured', name: 'one' }), t.event({ category: 'measured' }))
    expect(right.body).toEqual({ accepted: 2, duplicates: 0 })
    const { body } = await t.tell(t.event({ category: 'measured', name: 'two' }), t.event({ category: 'elsewhere' }))
    expect(body).toMatchObject({ accepted: 2, warnings: [{ code: 'prompt.differs', count: 2, indexes: [0, 1] }] })
    expect(body.warnings[0].detail).toContain('is measured/one, and was counted as such')
  })

  test('a use that names a test which is not there, or has not started, is told so', async () => {
    const variants = [1, 2].map((version) => ({ key: `v${version}`, promptId: t.promptId, version, weight: 1 }))
    const draft = await t.owner('POST', '/optimization/ab-tests', { name: 'draft', variants })
    const running = await t.owner('POST', '/optimization/ab-tests', { name: 'running', variants, start: true })
    const stranger = await t.stranger()
    const theirs = (await stranger('POST', '/prompts', { content: 'x' })).body.id
    const used = (testId: string) => t.event({ experiment: { testId, unitId: 'u' } })
    const { body } = await t.tell(used(running.body.id), used(draft.body.id), used('no-id'), used(running.body.id))
    expect(body.accepted).toBe(4)
    expect(body.warnings.map(({ code, indexes }: { code: string; indexes: number[] }) => [code, indexes])).toEqual([
      ['experiment.unknown', [1]],
      ['experiment.unknown', [2]],
    ])
    const foreign = { ...used(running.body.id), promptId: theirs, version: undefined }
    expect((await stranger('POST', '/analytics/usage', foreign)).body.warnings).toMatchObject([{ code: 'experiment.unknown' }])
  })

  test('a use counts for a test only where its caller may tell outcomes of that test', async () => {
    const variants = [1, 2].map((version) => ({ key: `v${version}`, promptId: t.promptId, version, weight: 1 }))
    const { id } = (await t.owner('POST', '/optimization/ab-tests', { name: 'of measured', variants, start: true })).body
    const elsewhere = (await t.owner('POST', '/prompts', { category: 'elsewhere', name: 'aside', content: 'x' })).body.id
    await t.owner('POST', '/roles', { name: 'aside', permissions: ['analytics:write', 'prompts:read'], categories: ['elsewhere'] })
    const { key } = (await t.owner('POST', '/api-keys', { name: 'aside', role: 'aside' })).body
    const use = { ...t.event({ experiment: { testId: id, unitId: 'u' } }), promptId: elsewhere, version: undefined }
    const outcomes = async () => {
      await t.app.analytics.settle()
      await t.app.abTesting.settle()
      return (await t.database.query('select 1 from ab_outcome where test_id = $1', [id])).length
    }
    const { status, body } = await t.owner('POST', '/analytics/usage', use, { authorization: `Bearer ${key}` })
    expect([status, body.accepted, body.warnings[0].code, await outcomes()]).toEqual([202, 1, 'experiment.unknown', 0])
    expect((await t.owner('POST', '/analytics/usage', use)).body).toEqual({ accepted: 1, duplicates: 0 })
    expect(await outcomes()).toBe(1)
  })

  test('of many each is taken or refused by itself, and says why', async () => {
    const nowhere = '01900000-0000-7000-8000-000000000000'
    const { status, body } = await t.tell(
      t.event(),
      t.event({ promptId: nowhere }),
      t.event({ version: 3 }),
      t.event({ label: 'never' }),
      t.event({ latencyMs: -1 }),
      t.event({ occurredAt: new Date(Date.now() + 600_000).toISOString() }),
      t.event({ occurredAt: '2020-01-01T00:00:00Z' }),
      t.event({ occurredAt: 'yesterday' }),
      t.event({ cachedTokens: 1001 }),
      t.event({ promptId: undefined, category: 'measured', name: 'one', label: 'staging' }),
      t.event({ promptId: undefined, category: 'measured', name: 'two' }),
      t.event({ promptId: undefined }),
      t.event({ success: 'yes' }),
      t.event({ metadata: { long: 'x'.repeat(5000) } }),
      'nonsense' as never,
    )
    expect([status, body.accepted, body.duplicates]).toEqual([202, 2, 0])
    expect(problemsOf(body)).toEqual([
      [1, 'measurement.prompt_unknown', undefined],
      [2, 'measurement.version_unknown', undefined],
      [3, 'measurement.label_unknown', undefined],
      [4, 'request.invalid', '/latencyMs'],
      [5, 'measurement.time_out_of_range', undefined],
      [6, 'measurement.time_out_of_range', undefined],
      [7, 'request.invalid', '/occurredAt'],
      [8, 'request.invalid', '/cachedTokens'],
      [10, 'measurement.prompt_unknown', undefined],
      [11, 'request.invalid', '/promptId'],
      [12, 'request.invalid', '/success'],
      [13, 'request.invalid', '/metadata'],
      [14, 'request.invalid', ''],
    ])
  })

  test('unknown fields go to metadata, an unknown model leaves the cost open, and both are said', async () => {
    const { body } = await t.tell(
      t.event({ colour: 'red', metadata: { a: 1 } }),
      t.event({ model: 'of-my-own' }),
      t.event({ model: 'of-my-own' }),
    )
    expect(
      body.warnings.map(({ code, count, indexes }: { code: string; count: number; indexes: number[] }) => [code, count, indexes]),
    ).toEqual([
      ['field.unknown', 1, [0]],
      ['model.unknown', 2, [1, 2]],
    ])
    expect(await stored(`rest->'m' = '{"a": 1, "colour": "red"}'`)).toBe(1)
    expect(await stored('cost_micros is null')).toBe(2)
  })

  test('a version that was made a moment ago is known, and so is a label', async () => {
    await t.owner('PUT', `/prompts/${t.promptId}/content`, { content: 'Newer' })
    await t.owner('PUT', `/prompts/${t.promptId}/labels/canary`, { version: 3 })
    expect((await t.tell(t.event({ version: 3, label: 'canary' }))).body).toEqual({ accepted: 1, duplicates: 0 })
  })

  test('ratings are taken by the same way', async () => {
    const { status, body } = await t.owner('POST', '/analytics/satisfaction', {
      items: [
        { promptId: t.promptId, rating: 5, eventId: 'first' },
        { promptId: t.promptId, score: 0.25, comment: 'Well' },
        { promptId: t.promptId },
        { promptId: t.promptId, rating: 1, score: 0 },
        { promptId: t.promptId, rating: 5, eventId: 'first' },
      ],
    })
    expect([status, body.accepted, body.duplicates]).toEqual([202, 2, 1])
    expect(problemsOf(body)).toEqual([
      [2, 'request.invalid', '/rating'],
      [3, 'request.invalid', '/rating'],
    ])
    expect(await t.database.query(`select score from usage_event where flags = 2 order by 1`)).toEqual([{ score: 2500 }, { score: 10000 }])
  })

  test('more than 1,000 at once are refused, and a row that cannot be stored does not take its neighbours with it', async () => {
    const many = Array.from({ length: 1001 }, () => t.event())
    expect((await t.tell(...many)).status).toBe(400)
    await t.database.query(`alter table usage_event add constraint odd check (input_tokens <> 666)`)
    const { body } = await t.tell(t.event(), t.event({ inputTokens: 666 }), t.event(), t.event({ inputTokens: 666 }), t.event())
    await t.database.query('alter table usage_event drop constraint odd')
    expect(body.accepted).toBe(3)
    expect(problemsOf(body)).toEqual([
      [1, 'measurement.unstorable', undefined],
      [3, 'measurement.unstorable', undefined],
    ])
  })

  test('whoever sees some categories measures prompts of these alone', async () => {
    const role = await t.owner('POST', '/roles', {
      name: 'part',
      permissions: ['prompts:read', 'analytics:write'],
      categories: ['elsewhere'],
    })
    const key = await t.owner('POST', '/api-keys', { name: 'part', role: role.body.name })
    const answer = await t.owner('POST', '/analytics/usage', t.event(), { authorization: `Bearer ${key.body.key}` })
    expect([answer.status, answer.body.code]).toEqual([422, 'measurement.prompt_unknown'])
  })
})
