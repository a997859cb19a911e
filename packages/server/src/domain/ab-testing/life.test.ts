import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestAnswer, type TestApp } from '../../testing/index.ts'
import { aKeyWith } from '../access/testing/rights-kit.ts'
import { reweigh } from './commands/change-test.ts'
import { aRunningTest, arms } from './testing/arms.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

const create = (body: object) => t.owner('POST', '/optimization/ab-tests', body)
const put = (id: string, body: object, headers = {}) => t.owner('PUT', `/ab-tests/${id}`, body, headers)
const act = (id: string, what: 'start' | 'pause') => t.owner('POST', `/ab-tests/${id}/${what}`)
const end = (id: string, body: object) => t.owner('POST', `/optimization/ab-tests/${id}/end`, body)
const refusal = ({ status, body }: TestAnswer) => [status, body.code, body.errors?.[0]?.pointer]
const nowhere = '01900000-0000-7000-8000-000000000000'

describe('a test as it is described', () => {
  test('has a short form, whose answer shows seed, coverage and ranges, and that nothing is known of the traffic yet', async () => {
    const [a, b] = await arms(t, 'One', 'Two')
    const { status, body, headers } = await create({ name: 'short', promptAId: a, promptBId: b, trafficSplit: 0.25 })
    expect([status, headers.get('location'), headers.get('etag')]).toEqual([201, `/api/v1/ab-tests/${body.id}`, '"1"'])
    expect(body).toMatchObject({
      status: 'draft',
      coverage: 1,
      seed: expect.any(String),
      minimumDetectableEffect: null,
      variants: [
        { key: 'A', promptId: a, version: null, weight: 0.75 },
        { key: 'B', promptId: b, version: null, weight: 0.25 },
      ],
      ranges: [
        { variant: 'A', start: 0, end: 3221225472 },
        { variant: 'B', start: 3221225472, end: 4294967296 },
      ],
    })
    const { minimumDetectableEffect: _effect, ...shown } = body
    expect((await t.owner('GET', `/ab-tests/${body.id}`)).body).toEqual(shown)
  })

  test('tells the effect that the traffic seen so far would show', async () => {
    const [a, b] = await arms(t, 'Busy', 'Idle')
    const events = Array.from({ length: 1000 }, (_, i) => ({
      ...{
        promptId: a,
        provider: 'openai',
        model: 'gpt-4o',
        inputTokens: 1,
        outputTokens: 1,
        costUsd: (1 + (i % 100)) / 1000,
        latencyMs: [100, 100, 100, 200, 200, 200, 400, 400, 400, 800][i % 10],
      },
      success: i % 5 > 0,
    }))
    expect((await t.owner('POST', '/analytics/usage', { items: events })).status).toBeLessThan(300)
    const { body } = await create({ name: 'busy', promptAId: a, promptBId: b })
    expect(body.minimumDetectableEffect).toMatchObject({ baseline: 0.8, perVariant: 500, days: 28 })
    expect(body.minimumDetectableEffect.absolute).toBeCloseTo(0.8 * body.minimumDetectableEffect.relative, 9)
    expect(body.minimumDetectableEffect.absolute).toBeGreaterThan(0.05)
    const of = async (metric: object) => (await create({ name: 'busy', promptAId: a, promptBId: b, metric })).body.minimumDetectableEffect
    // 300 uses each of 100, 200 and 400 ms, and 100 of 800: mean 290, variance 43,900.
    const latency = await of({ primary: 'latencyMs' })
    expect(latency).toMatchObject({ perVariant: 500, days: 28 })
    expect(latency.baseline / 290).toBeCloseTo(1, 1)
    // The same spread by half of the mean would show half as much; here s = (1.96 + 0.84)² × 43,900 / (500 × 290²) before it is widened.
    expect(latency.relative).toBeGreaterThan(Math.sqrt((2 * 7.849 * 43_900) / (500 * 290 ** 2)))
    expect(latency.relative).toBeLessThan(2 * Math.sqrt((2 * 7.849 * 43_900) / (500 * 290 ** 2)))
    // Evenly from 0.1 to 10 cents, the median varies as ν(1 − ν)/f² = 0.05² a unit.
    const median = await of({ primary: 'costUsd', quantile: 0.5 })
    expect(median.baseline / 0.05).toBeCloseTo(1, 1)
    expect(median.relative).toBeGreaterThan(0.9 * Math.sqrt((2 * 7.849) / 500))
    expect(median.relative).toBeLessThan(2 * Math.sqrt((2 * 7.849) / 500))
    expect(await of({ primary: 'latencyMs', quantile: 0.9 })).toBeNull() // from 400 to 800 ms at once: no effect is large enough
    expect(await of({ primary: 'tokens' })).toBeNull() // they do not vary
    expect(await of({ primary: 'score' })).toBeNull() // no use tells it
    expect(await of({ primary: 'satisfaction' })).toBeNull() // nobody rated it
  })

  test.each<[string, (ids: string[]) => object, unknown[]]>([
    ['no arms', () => ({}), [422, 'ab_test.invalid', '/promptAId']],
    ['one arm of the short form', ([a]) => ({ promptAId: a }), [422, 'ab_test.invalid', '/promptBId']],
    ['a prompt that is not there', ([a]) => ({ promptAId: a, promptBId: nowhere }), [404, 'prompt.not_found', undefined]],
    [
      'a version that is not there',
      ([a, b]) => ({
        variants: [
          { key: 'x', promptId: a, version: 9 },
          { key: 'y', promptId: b },
        ],
      }),
      [404, 'version.not_found', undefined],
    ],
    [
      'two variants of one key',
      ([a, b]) => ({
        variants: [
          { key: 'x', promptId: a },
          { key: 'x', promptId: b },
        ],
      }),
      [422, 'ab_test.invalid', '/variants/1/key'],
    ],
    [
      'a version and a label',
      ([a, b]) => ({
        variants: [
          { key: 'x', promptId: a, version: 1, label: 'production' },
          { key: 'y', promptId: b },
        ],
      }),
      [422, 'ab_test.invalid', '/variants/0'],
    ],
    [
      'no weight at all',
      ([a, b]) => ({
        variants: [
          { key: 'x', promptId: a, weight: 0 },
          { key: 'y', promptId: b, weight: 0 },
        ],
      }),
      [422, 'ab_test.invalid', '/variants'],
    ],
    [
      'a negative weight',
      ([a, b]) => ({
        variants: [
          { key: 'x', promptId: a, weight: -1 },
          { key: 'y', promptId: b },
        ],
      }),
      [400, 'request.invalid', '/variants/0/weight'],
    ],
    ['a single variant', ([a]) => ({ variants: [{ key: 'x', promptId: a }] }), [400, 'request.invalid', '/variants']],
    [
      'both forms',
      ([a, b]) => ({
        promptAId: a,
        variants: [
          { key: 'x', promptId: a },
          { key: 'y', promptId: b },
        ],
      }),
      [422, 'ab_test.invalid', '/variants'],
    ],
    ['more than all units', ([a, b]) => ({ promptAId: a, promptBId: b, coverage: 1.1 }), [400, 'request.invalid', '/coverage']],
    [
      'an empty part of a namespace',
      ([a, b]) => ({ promptAId: a, promptBId: b, namespace: { name: 'n', start: 5, end: 5 } }),
      [422, 'ab_test.invalid', '/namespace/end'],
    ],
    [
      'targeting that is no CEL',
      ([a, b]) => ({ promptAId: a, promptBId: b, targeting: 'attr.plan ==' }),
      [422, 'expression.invalid', '/targeting'],
    ],
    [
      'targeting by what there is not',
      ([a, b]) => ({ promptAId: a, promptBId: b, targeting: 'user.plan == "pro"' }),
      [422, 'expression.invalid', '/targeting'],
    ],
    [
      'a forced variant that is none',
      ([a, b]) => ({ promptAId: a, promptBId: b, forced: { qa: 'C' } }),
      [422, 'ab_test.invalid', '/forced'],
    ],
    [
      'a quantile of successes',
      ([a, b]) => ({ promptAId: a, promptBId: b, metric: { primary: 'success', quantile: 0.9 } }),
      [422, 'ab_test.invalid', '/metric/quantile'],
    ],
    [
      'a quantile of ratings',
      ([a, b]) => ({ promptAId: a, promptBId: b, metric: { primary: 'satisfaction', quantile: 0.9 } }),
      [422, 'ab_test.invalid', '/metric/quantile'],
    ],
    [
      'promotion by itself to nowhere',
      ([a, b]) => ({ promptAId: a, promptBId: b, autoStop: 'promote' }),
      [422, 'ab_test.invalid', '/autoStop'],
    ],
    [
      'a metric that there is not',
      ([a, b]) => ({ promptAId: a, promptBId: b, metric: { primary: 'joy' } }),
      [400, 'request.invalid', '/metric/primary'],
    ],
  ])('with %s is refused', async (_, body, expected) => {
    expect(refusal(await create({ name: 'wrong', ...body(await arms(t, 'One', 'Two')) }))).toEqual(expected)
  })
})

describe('the life of a test', () => {
  test('goes from draft to running, pauses, goes on, and ends once; each step is an event', async () => {
    const [a, b] = await arms(t, 'One', 'Two')
    const { id } = (await create({ name: 'life', promptAId: a, promptBId: b })).body
    expect(refusal(await act(id, 'pause'))).toEqual([409, 'ab_test.state', undefined])
    expect(refusal(await end(id, {}))).toEqual([409, 'ab_test.state', undefined])
    const started = (await act(id, 'start')).body
    expect([started.status, started.variants.map(({ version }: { version: number }) => version), started.phases.length]).toEqual([
      'running',
      [1, 1],
      1,
    ])
    expect((await act(id, 'pause')).body.status).toBe('paused')
    expect((await act(id, 'start')).body).toMatchObject({ status: 'running', startedAt: started.startedAt })
    const ended = await end(id, { winner: 'B', reason: 'It reads better' })
    expect(ended.body).toMatchObject({
      status: 'completed',
      winner: 'B',
      decision: { action: 'end', winner: 'B', reason: 'It reads better', by: 'bootstrap' },
    })
    const again = await end(id, { winner: 'A' })
    expect([again.status, again.body.code, again.body.decision]).toEqual([409, 'ab_test.state', ended.body.decision])
    for (const what of ['start', 'pause'] as const) expect((await act(id, what)).status).toBe(409)
    expect((await put(id, { name: 'late' })).status).toBe(409)
    expect((await t.owner('DELETE', `/ab-tests/${id}`)).status).toBe(409)
    const rows = await t.database.query<{ type: string; data: { category: string } }>(
      'select type, data from outbox where subject = $1 order by id',
      [id],
    )
    expect(rows.map(({ type }) => type)).toEqual(['created', 'started', 'paused', 'resumed', 'ended'].map((one) => `ab_test.${one}`))
    expect(rows.every(({ data }) => data.category === 'arms')).toBe(true)
  })

  test('versions are pinned at the start: by version, by label, or as they are served', async () => {
    const [a] = await arms(t, 'One')
    await t.owner('PUT', `/prompts/${a}/content`, { content: 'Two' })
    await t.owner('PUT', `/prompts/${a}/content`, { content: 'Three' })
    await t.owner('PUT', `/prompts/${a}/labels/staging`, { version: 2 })
    const variants = [
      { key: 'served', promptId: a },
      { key: 'staged', promptId: a, label: 'staging' },
      { key: 'third', promptId: a, version: 3 },
    ]
    const { body } = await create({ name: 'pins', variants, start: true })
    expect(body.variants.map(({ version }: { version: number }) => version)).toEqual([1, 2, 3])
    const unset = [
      { key: 'x', promptId: a, label: 'nowhere' },
      { key: 'y', promptId: a },
    ]
    expect(refusal(await create({ name: 'unset', variants: unset, start: true }))).toEqual([404, 'label.not_found', undefined])
  })

  test('an archived prompt cannot be started with; nor can one that was deleted since', async () => {
    const [a, b] = await arms(t, 'One', 'Two')
    const { id } = (await create({ name: 'gone', promptAId: a, promptBId: b })).body
    expect((await t.owner('PUT', `/prompts/${b}/lifecycle`, { status: 'archived', reason: 'Old' })).status).toBe(200)
    const refused = await act(id, 'start')
    expect(refusal(refused)).toEqual([422, 'ab_test.invalid', '/variants/1/promptId'])
    expect(refused.body.errors[0].detail).toContain('is archived. Bring it back, or take another prompt.')
    await t.owner('DELETE', `/prompts/${b}`)
    expect(refusal(await act(id, 'start'))).toEqual([404, 'prompt.not_found', undefined])
  })

  test('weights are changed by their keys alone; a variant that is not there yet needs its prompt', async () => {
    const { id, variants } = await aRunningTest(t)
    const short = [1, 3].map((weight, i) => ({ key: variants[i].key, weight }))
    expect((await put(id, { variants: short })).body.phases.at(-1)).toMatchObject({ n: 2, weights: [0.25, 0.75] })
    expect(refusal(await put(id, { variants: [short[0], { key: 'new', weight: 1 }] }))).toEqual([
      422,
      'ab_test.invalid',
      '/variants/1/promptId',
    ])
    const [a, b] = await arms(t, 'One', 'Two')
    const draft = (
      await create({
        name: 'by key',
        variants: [
          { key: 'x', promptId: a, label: 'production' },
          { key: 'y', promptId: b, version: 1 },
        ],
      })
    ).body
    const { body } = await put(draft.id, {
      variants: [
        { key: 'x', version: 1 },
        { key: 'y', weight: 0.25 },
      ],
    })
    expect(body.variants).toEqual([
      { key: 'x', promptId: a, version: 1, label: null, weight: 2 / 3 },
      { key: 'y', promptId: b, version: 1, label: null, weight: 1 / 3 },
    ])
  })

  test('a prompt that it serves is not deleted under it, unless somebody insists; after its end it may go', async () => {
    const { id, variants } = await aRunningTest(t, { name: 'needs both' })
    const [a, b] = variants.map(({ promptId }: { promptId: string }) => `/prompts/${promptId}`)
    const refused = await t.owner('DELETE', b)
    expect([refused.status, refused.body.code, refused.body.servedBy]).toEqual([
      409,
      'prompt.in_use',
      ['the running A/B test "needs both"'],
    ])
    await act(id, 'pause')
    const blind = await (await t.as('prompts:read', 'prompts:write'))('DELETE', a)
    expect([blind.status, blind.body.servedBy]).toEqual([409, ['the paused A/B test']])
    expect((await t.owner('DELETE', `${b}?force=true`)).status).toBe(204)
    await t.owner('POST', `/optimization/ab-tests/${id}/end`, {})
    expect((await t.owner('DELETE', a)).status).toBe(204)
  })

  test('a guardrail knows which side of its metric is better', async () => {
    const [a, b] = await arms(t, 'One', 'Two')
    const guardrails = [
      { metric: 'latencyMs', maxRegression: 0.1 },
      { metric: 'score', maxRegression: 0.1 },
    ]
    const { body } = await create({ name: 'guarded', promptAId: a, promptBId: b, guardrails, secondary: [{ metric: 'costUsd' }] })
    expect([...body.guardrails, ...body.secondary].map(({ direction }: { direction: string }) => direction)).toEqual([
      'lower',
      'higher',
      'lower',
    ])
  })

  test('a draft is changed in everything, by what was read and edited, and can be thrown away', async () => {
    const [a, b, c] = await arms(t, 'One', 'Two', 'Three')
    const { body: draft } = await create({ name: 'draft', promptAId: a, promptBId: b })
    const { body: read } = await t.owner('GET', `/ab-tests/${draft.id}`)
    const edited = {
      ...read,
      name: 'edited',
      hypothesis: 'Shorter is better',
      variants: [...read.variants, { key: 'C', promptId: c, weight: 1 }],
    }
    const { status, body } = await put(draft.id, edited, { 'if-match': '"1"' })
    expect([status, body.name, body.variants.length, body.revision]).toEqual([200, 'edited', 3, 2])
    expect((await put(draft.id, { name: 'stale' }, { 'if-match': '"1"' })).status).toBe(412)
    expect(refusal(await put(draft.id, { status: 'running' }))).toEqual([422, 'field.read_only', '/status'])
    expect((await put(draft.id, { ...body })).body.revision).toBe(2)
    expect((await put(draft.id, { hypothesis: null })).body.hypothesis).toBeNull()
    expect((await t.owner('DELETE', `/ab-tests/${draft.id}`)).status).toBe(204)
    expect(refusal(await t.owner('GET', `/ab-tests/${draft.id}`))).toEqual([404, 'ab_test.not_found', undefined])
  })

  test('one that runs changes coverage and weights, in a new phase each; its design is fixed', async () => {
    const made = await aRunningTest(t)
    const { id } = made
    const covered = (await put(id, { coverage: 0.5 })).body
    expect([covered.coverage, covered.phases.length, covered.ranges]).toEqual([0.5, 2, made.ranges])
    const weights = [0.4, 0.6].map((weight, i) => ({ ...covered.variants[i], weight }))
    const weighed = (await put(id, { variants: weights })).body
    expect(weighed.phases.at(-1)).toMatchObject({ n: 3, coverage: 0.5, weights: [0.4, 0.6] })
    expect(weighed.ranges[0]).toEqual({ variant: 'A', start: 0, end: Math.floor(0.4 * 2 ** 32) })
    expect((await put(id, { ...weighed })).body.revision).toBe(weighed.revision)
    expect((await put(id, { name: 'renamed' })).body).toMatchObject({ name: 'renamed', phases: weighed.phases })
    const guarded = await put(id, { guardrails: [{ metric: 'costUsd', direction: 'lower', maxRegression: 0.1 }] })
    expect([guarded.status, guarded.body.code, guarded.body.fields]).toEqual([409, 'ab_test.fixed', ['guardrails']])
    expect((await put(id, { variants: [...weights].reverse() })).body.code).toBe('ab_test.fixed')
    const rows = await t.database.query<{ data: { phase: number } }>(
      `select data from outbox where subject = $1 and type = 'ab_test.phase_opened' order by id`,
      [id],
    )
    expect(rows.map(({ data }) => data.phase)).toEqual([2, 3])
  })
})

test('an allocation shares traffic out by itself, while the test runs', async () => {
  const { id } = await aRunningTest(t)
  const ctx = t.app.runtime.contextFor(
    { id: 'allocation', workspaceId: '00000000-0000-7000-8000-000000000001', permissions: new Set(['*']), instanceAdmin: false },
    { requestId: 'allocation' },
  )
  expect((await reweigh({ id, weights: [1, 3] }, ctx)).phases.at(-1)).toMatchObject({ n: 2, weights: [0.25, 0.75] })
  expect((await reweigh({ id, weights: [10, 30] }, ctx)).phases.length).toBe(2)
  await act(id, 'pause')
  expect((await reweigh({ id, weights: [1, 1] }, ctx)).phases.length).toBe(2)
  await expect(reweigh({ id: nowhere, weights: [1, 1] }, ctx)).rejects.toThrow('There is no test')
})

test('a thousand tests run at a time; the next is told so, and runs when one of them is paused', async () => {
  const [a, b] = await arms(t, 'Many', 'More')
  const { id } = (await create({ name: 'one of many', promptAId: a, promptBId: b, start: true })).body
  const [{ n }] = (await t.database.query<{ n: number }>(`select count(*)::int as n from ab_test where status = 'running'`)) as [
    { n: number },
  ]
  await t.database.query(
    `insert into ab_test select (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid(), 'name', 'copy'))).* from ab_test o, generate_series($2::int, 999) where id = $1`,
    [id, n],
  )
  try {
    const refused = await create({ name: 'too many', promptAId: a, promptBId: b, start: true })
    expect([refused.status, refused.body.code]).toEqual([409, 'ab_test.state'])
    expect(refused.body.detail).toContain('1,000 tests run')
    const next = (await create({ name: 'too many', promptAId: a, promptBId: b })).body
    await act(id, 'pause')
    expect((await act(next.id, 'start')).status).toBe(200)
  } finally {
    await t.database.query(`delete from ab_test where name = 'copy'`)
  }
})

describe('a namespace', () => {
  test('is shared out: two tests that run may not overlap, and who comes late is told what is free', async () => {
    const slot = (start: number, end: number) => ({ namespace: { name: 'front', start, end } })
    const first = await aRunningTest(t, slot(0, 5_000))
    const late = await create({
      name: 'late',
      promptAId: first.variants[0].promptId,
      promptBId: first.variants[1].promptId,
      ...slot(4_999, 6_000),
      start: true,
    })
    expect([late.status, late.body.code, late.body.free]).toEqual([409, 'ab_test.namespace_taken', [{ start: 5_000, end: 10_000 }]])
    await aRunningTest(t, slot(5_000, 10_000))
    await act(first.id, 'pause')
    const [a, b] = await arms(t, 'One', 'Two')
    const third = (await create({ name: 'third', promptAId: a, promptBId: b, ...slot(0, 1) })).body
    expect((await act(third.id, 'start')).body).toMatchObject({ code: 'ab_test.namespace_taken', free: [] })
    await end(first.id, {})
    expect((await act(third.id, 'start')).status).toBe(200)
  })

  test('of ten tests that start on the same part at once, one does', async () => {
    const [a, b] = await arms(t, 'One', 'Two')
    const body = { name: 'race', promptAId: a, promptBId: b, namespace: { name: 'race', start: 0, end: 10_000 }, start: true }
    const answers = await Promise.all(Array.from({ length: 10 }, () => create(body)))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)])
  })
})

describe('promoting the winner', () => {
  test('moves the label of the control’s prompt to the winner’s version, or to a copy of another prompt’s', async () => {
    const [a, b] = await arms(t, 'Hello {{name}}', 'Hi {{name}}')
    await t.owner('PUT', `/prompts/${a}/content`, { content: 'Hey {{name}}' })
    const variants = [
      { key: 'old', promptId: a, version: 1 },
      { key: 'new', promptId: a, version: 2 },
      { key: 'other', promptId: b },
    ]
    const own = (await create({ name: 'own', variants, start: true })).body
    expect((await end(own.id, { winner: 'new', promoteTo: 'production' })).body.decision.action).toBe('promote')
    expect((await t.owner('GET', `/prompts/${a}`)).body.labels.production).toBe(2)
    const other = (await create({ name: 'other', variants, start: true })).body
    await end(other.id, { winner: 'other', promoteTo: 'production' })
    const served = (await t.owner('GET', `/prompts/${a}?label=production`)).body
    expect([served.content, served.labels.production]).toEqual(['Hi {{name}}', 3])
    const version = (await t.owner('GET', `/prompts/${a}/versions/3`)).body
    expect(version.metadata).toEqual({ parent: { promptId: b, version: 1 }, testId: other.id })
  })

  test('goes through the same gate as any label move, and nothing ends when that is closed', async () => {
    const made = await aRunningTest(t)
    const call = await t.as('abtests:read', 'abtests:write', 'prompts:read')
    const refused = await call('POST', `/optimization/ab-tests/${made.id}/end`, { winner: 'A', promoteTo: 'production' })
    expect([refused.status, refused.body.permission]).toEqual([403, 'labels:write'])
    expect((await t.owner('GET', `/ab-tests/${made.id}`)).body.status).toBe('running')
    expect(refusal(await end(made.id, { promoteTo: 'production' }))).toEqual([422, 'ab_test.invalid', '/winner'])
    expect(refusal(await end(made.id, { winner: 'C' }))).toEqual([422, 'ab_test.invalid', '/winner'])
  })
})

describe('lists and rights', () => {
  test('tests are listed page by page, by status and by a part of their name', async () => {
    const [promptAId, promptBId] = await arms(t, 'One', 'Two')
    for (const name of ['Listed 1', 'Listed 2', 'listed 3']) await create({ name, promptAId, promptBId })
    const first = (await t.owner('GET', '/ab-tests?q=LISTED&limit=2&includeTotal=true&status=draft')).body
    expect([first.items.map(({ name }: { name: string }) => name), first.total]).toEqual([['listed 3', 'Listed 2'], 3])
    const second = (await t.owner('GET', `/ab-tests?q=LISTED&limit=2&status=draft&cursor=${first.nextCursor}`)).body
    expect([second.items.map(({ name }: { name: string }) => name), second.nextCursor]).toEqual([['Listed 1'], null])
    expect((await t.owner('GET', '/ab-tests?q=LISTED&status=running')).body.items).toEqual([])
  })

  test('who is limited to categories sees and changes tests of prompts of these alone', async () => {
    const inside = await aRunningTest(t)
    const [a] = await arms(t, 'One')
    const outside = (await t.owner('POST', '/prompts', { content: 'Else', category: 'elsewhere', labels: ['production'] })).body.id
    const other = (await create({ name: 'elsewhere', promptAId: outside, promptBId: a, start: true })).body
    const call = await aKeyWith(t, { permissions: ['abtests:read', 'abtests:write', 'prompts:read'], categories: ['arms'] })
    const listed = (await call('GET', '/ab-tests?limit=200')).body.items.map(({ id }: { id: string }) => id)
    expect([listed.includes(inside.id), listed.includes(other.id)]).toEqual([true, false])
    for (const [method, path] of [
      ['GET', `/ab-tests/${other.id}`],
      ['PUT', `/ab-tests/${other.id}`],
      ['POST', `/ab-tests/${other.id}/pause`],
      ['GET', `/optimization/ab-tests/${other.id}/assign?unitId=u`],
      ['GET', `/ab-tests/${other.id}/select?unitId=u`],
    ] as const)
      expect([path, (await call(method, path, method === 'PUT' ? {} : undefined)).status]).toEqual([path, 404])
    expect((await call('GET', `/optimization/ab-tests/${inside.id}/assign?unitId=u`)).status).toBe(200)
    expect((await call('POST', '/optimization/ab-tests', { name: 'x', promptAId: a, promptBId: outside })).status).toBe(404)
  })
})
