import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import { bulk, outcomesOf, over, type Told, told } from './testing/bulk-kit.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

const create = async (fields: Record<string, unknown>): Promise<string> => (await t.owner('POST', '/prompts', fields)).body.id

describe('many prompts are created at once', () => {
  test('each gets what a single create would give it: a name, variables, the label production, its events', async () => {
    const items = [
      { content: 'Answer {{who}}', category: 'made', name: 'given', tags: ['x', 'x'], metadata: { a: 1 } },
      { content: 'Say it politely', category: 'made' },
      { content: 'Say it politely', category: 'made' },
      { content: [{ role: 'user', content: 'Hi "{{you}}" \\ \n 漢字' }], category: 'made', name: 'chat', labels: [] },
    ]
    const answer = await bulk(t.owner, 'POST', '/bulk/prompts', { items })
    expect(answer.body).toMatchObject({
      kind: 'create',
      status: 'succeeded',
      progress: { done: 4, total: 4 },
      counts: { succeeded: 4, failed: 0, skipped: 0 },
      createdBy: 'bootstrap',
      error: null,
    })
    expect(answer.headers.get('location')).toBe(`/api/v1/bulk/operations/${answer.body.id}`)
    expect(answer.headers.get('preference-applied')).toBe('wait=30')
    const made = await Promise.all(
      (answer.body.items as Told[]).map(async ({ promptId }) => (await t.owner('GET', `/prompts/${promptId}`)).body),
    )
    expect(made.map(({ name, labels, createdBy }) => [name, labels, createdBy])).toEqual([
      ['given', { production: 1 }, 'bootstrap'],
      ['Say it politely', { production: 1 }, 'bootstrap'],
      ['Say it politely 2', { production: 1 }, 'bootstrap'],
      ['chat', {}, 'bootstrap'],
    ])
    expect(made[0]).toMatchObject({ tags: ['x'], metadata: { a: 1 }, variables: [{ name: 'who', type: 'string', required: true }] })
    expect(made[3].content).toEqual(items[3]!.content)
    const single = (await t.owner('POST', '/prompts', { ...items[0], category: 'single' })).body
    const { id: _a, category: _b, createdAt: _c, updatedAt: _d, ...alike } = single
    expect(made[0]).toMatchObject(alike)
    const events = await t.database.query<{ type: string; data: object }>('select type, data from outbox where subject = $1 order by id', [
      made[0].id,
    ])
    const ofSingle = await t.database.query<{ type: string; data: object }>(
      'select type, data from outbox where subject = $1 order by id',
      [single.id],
    )
    expect(events).toEqual(ofSingle.map(({ type, data }) => ({ type, data: { ...data, category: 'made' } })))
    const hashes =
      'select action, after_hash is not null as after, before_hash is null as before from audit_entry where subject = $1 order by action'
    expect(await t.database.query(hashes, [made[0].id])).toEqual(await t.database.query(hashes, [single.id]))
  })

  test('what is wrong with one item is its own problem, with the pointer into it', async () => {
    await create({ content: 'x', category: 'wrong', name: 'taken' })
    const items = [
      { content: 'good', category: 'wrong', name: 'one' },
      { content: 'bad', category: 'wrong', nmae: 'typo' },
      { content: '{{#open}}', engine: 'mustache', category: 'wrong' },
      { content: 'taken', category: 'wrong', name: 'taken' },
      { content: 'the second of two', category: 'wrong', name: 'one' },
      { content: 'reserved', category: 'wrong', labels: ['latest'] },
      { content: 'x'.repeat(1024 * 1024 + 1), category: 'wrong' },
      'no object',
      { content: '{{> wrong/nowhere}}', category: 'wrong', name: 'includes nothing' },
      { content: '{{> wrong/one}}', category: 'wrong', name: 'includes the first' },
    ]
    const answer = await bulk(t.owner, 'POST', '/bulk/prompts', { items })
    expect(outcomesOf(answer)).toEqual([
      'succeeded',
      'request.invalid',
      'template.invalid',
      'prompt.name_taken',
      'prompt.name_taken',
      'label.reserved',
      'prompt.content_too_large',
      'request.invalid',
      'include.not_found',
      'succeeded',
    ])
    const [, typo, broken] = answer.body.items as Told[]
    expect([typo!.problem!.status, typo!.problem!.errors![0]!.pointer]).toEqual([400, '/nmae'])
    expect(broken!.problem!.errors![0]!.pointer).toBe('/content')
    expect(answer.body).toMatchObject({ status: 'succeeded', counts: { succeeded: 2, failed: 8, skipped: 0 } })
    expect((await t.owner('GET', '/prompts/category/wrong?includeTotal=true')).body.total).toBe(3)
  })

  test('derived names that are taken are numbered on, beyond what can be numbered too', async () => {
    await create({ content: 'Same', category: 'numbered' })
    const items = Array.from({ length: 25 }, () => ({ content: 'Same', category: 'numbered' }))
    expect((await bulk(t.owner, 'POST', '/bulk/prompts', { items })).body.counts.succeeded).toBe(25)
    const { body } = await t.owner('GET', '/prompts/category/numbered?limit=200')
    const names = new Set(body.items.map(({ name }: { name: string }) => name))
    expect(names.size).toBe(26)
    for (let n = 2; n <= 20; n++) expect(names).toContain(`Same ${n}`)
  })

  test('a name that served somebody else after a rename serves the new prompt', async () => {
    const id = await create({ content: 'old', category: 'former', name: 'was' })
    await t.owner('PUT', `/prompts/${id}`, { name: 'is' })
    await bulk(t.owner, 'POST', '/bulk/prompts', { items: [{ content: 'new', category: 'former', name: 'was' }] })
    expect((await t.owner('GET', '/prompts/search/former/was')).body.content).toBe('new')
  })
})

describe('many prompts are changed at once', () => {
  test('each by its id, with a new version where the content changes', async () => {
    const [a, b] = [await create({ content: 'a', category: 'changed' }), await create({ content: 'b', category: 'changed' })]
    const gone = '01900000-0000-7000-8000-00000000000f'
    const items = [
      { id: a, content: 'A', changeSummary: 'louder' },
      { id: b, description: 'the second' },
      { id: gone, description: 'none' },
      { id: a, createdBy: 'somebody' },
      { id: 'x', description: 'none' },
      { description: 'none' },
    ]
    const answer = await bulk(t.owner, 'PUT', '/bulk/prompts', { items })
    expect(outcomesOf(answer)).toEqual([
      'succeeded',
      'succeeded',
      'prompt.not_found',
      'field.read_only',
      'request.invalid',
      'request.invalid',
    ])
    expect(answer.body.items.map(({ promptId, version }: Told) => [promptId, version])).toEqual([
      [a, 2],
      [b, 1],
      [gone, null],
      [a, null],
      [null, null],
      [null, null],
    ])
    expect((await t.owner('GET', `/prompts/${a}`)).body).toMatchObject({ content: 'A', version: 2, labels: { production: 1 } })
    expect((await t.owner('GET', `/prompts/${b}`)).body).toMatchObject({ description: 'the second', version: 1 })
  })

  test('tags are added, removed and set, by ids and by a filter', async () => {
    const ids = [
      await create({ content: 'a', category: 'tagged', tags: ['old', 'kept'] }),
      await create({ content: 'b', category: 'tagged' }),
    ]
    const tagsNow = async () => Promise.all(ids.map(async (id) => (await t.owner('GET', `/prompts/${id}`)).body.tags))
    expect(
      outcomesOf(await bulk(t.owner, 'PUT', '/bulk/prompts/tags', { promptIds: [...ids, ids[0]], add: ['new'], remove: ['old'] })),
    ).toEqual(Array(3).fill('succeeded'))
    expect(await tagsNow()).toEqual([['kept', 'new'], ['new']])
    const byFilter = await bulk(t.owner, 'PUT', '/bulk/prompts/tags', { filter: { category: 'tagged', tag: ['kept'] }, set: ['only'] })
    expect(byFilter.body.items.map(({ promptId }: Told) => promptId)).toEqual([ids[0]])
    expect(await tagsNow()).toEqual([['only'], ['new']])
    const nobody = await bulk(t.owner, 'PUT', '/bulk/prompts/tags', { filter: { category: 'nowhere' }, set: [] })
    expect(nobody.body).toMatchObject({ status: 'succeeded', progress: { done: 0, total: 0 } })
    const many = Array.from({ length: 100 }, (_, n) => `t${n}`)
    expect(outcomesOf(await bulk(t.owner, 'PUT', '/bulk/prompts/tags', { promptIds: ids, add: many }))).toEqual(
      Array(2).fill('bulk.too_many_tags'),
    )
  })

  test.each([
    ['neither ids nor a filter', { add: ['x'] }, '/promptIds'],
    ['both', { promptIds: ['01900000-0000-7000-8000-00000000000f'], filter: {}, add: ['x'] }, '/promptIds'],
    ['no change', { filter: {} }, '/add'],
    ['set beside add', { filter: {}, set: [], add: ['x'] }, '/set'],
    ['a tag that comes and goes', { filter: {}, add: ['x'], remove: ['x'] }, '/remove'],
  ])('a change of tags with %s is refused', async (_, body, pointer) => {
    const answer = await t.owner('PUT', '/bulk/prompts/tags', body)
    expect([answer.status, answer.body.code, answer.body.errors[0].pointer]).toEqual([422, 'bulk.tags_unclear', pointer])
  })

  test('they are deleted by both addresses; one that others need stays unless it is forced', async () => {
    const needed = await create({ content: 'x', category: 'deleted', name: 'part' })
    const [a, b] = [await create({ content: 'a', category: 'deleted' }), await create({ content: 'b', category: 'deleted' })]
    await create({ content: '{{> deleted/part}}', category: 'deleted', name: 'whole' })
    expect(outcomesOf(await bulk(t.owner, 'DELETE', '/bulk/prompts', { promptIds: [a, needed, a] }))).toEqual([
      'succeeded',
      'prompt.in_use',
      'prompt.not_found',
    ])
    expect(outcomesOf(await bulk(t.owner, 'POST', '/bulk/prompts/delete', { promptIds: [b, needed], force: true }))).toEqual([
      'succeeded',
      'succeeded',
    ])
    for (const id of [a, b, needed]) expect((await t.owner('GET', `/prompts/${id}`)).status).toBe(404)
  })
})

describe('an atomic operation', () => {
  test('does all, or nothing and tells what stood in the way', async () => {
    const good = Array.from({ length: 300 }, (_, n) => ({ content: `atomic ${n}`, category: 'atomic', name: `n${n}` }))
    const before = await told(t, 'prompt.created')
    const refused = await bulk(t.owner, 'POST', '/bulk/prompts', { items: [...good, { content: 5 }, ...good.slice(0, 1)], atomic: true })
    expect(refused.body).toMatchObject({ status: 'failed', counts: { succeeded: 0, failed: 2, skipped: 300 } })
    expect(refused.body.error).toContain('2 of 302')
    expect((await t.owner('GET', '/prompts/category/atomic')).body.items).toEqual([])
    expect(await told(t, 'prompt.created')).toEqual(before)
    const done = await bulk(t.owner, 'POST', '/bulk/prompts', { items: good, atomic: true })
    expect(done.body).toMatchObject({ status: 'succeeded', counts: { succeeded: 300, failed: 0, skipped: 0 } })
    expect((await t.owner('GET', '/prompts/category/atomic?includeTotal=true')).body.total).toBe(300)
  })

  test('takes 10,000 items at most, and so does a dry run', async () => {
    const items = Array.from({ length: 10_001 }, () => 0)
    for (const flag of ['atomic', 'dryRun']) {
      const { status, body } = await t.owner('POST', '/bulk/prompts', { items, [flag]: true })
      expect([status, body.code]).toEqual([422, 'bulk.too_many_items'])
    }
  })
})

test('a dry run says what would become of each item, and changes and tells nothing', async () => {
  const id = await create({ content: 'x', category: 'dry', name: 'there' })
  const events = async () => (await t.database.query('select count(*)::int as n from outbox'))[0]
  const before = await events()
  const items = [
    { content: 'new', category: 'dry', name: 'new' },
    { content: 'new', category: 'dry', name: 'new' },
    { content: 'taken', category: 'dry', name: 'there' },
  ]
  const created = await bulk(t.owner, 'POST', '/bulk/prompts', { items, dryRun: true })
  expect(outcomesOf(created)).toEqual(['succeeded', 'prompt.name_taken', 'prompt.name_taken'])
  expect(created.body).toMatchObject({ status: 'succeeded', dryRun: true, counts: { succeeded: 1, failed: 2, skipped: 0 } })
  expect(created.body.items[0].promptId).toBeNull()
  const atomic = await bulk(t.owner, 'POST', '/bulk/prompts?dryRun=true&atomic=true', { items })
  expect([atomic.body.status, outcomesOf(atomic)]).toEqual(['failed', outcomesOf(created)])
  expect(outcomesOf(await bulk(t.owner, 'DELETE', '/bulk/prompts', { promptIds: [id], dryRun: true }))).toEqual(['succeeded'])
  expect(outcomesOf(await bulk(t.owner, 'PUT', '/bulk/prompts', { items: [{ id, content: 'y' }], dryRun: true }))).toEqual(['succeeded'])
  expect(await events()).toEqual(before)
  expect((await t.owner('GET', `/prompts/${id}`)).body).toMatchObject({ version: 1, content: 'x' })
})

test('without Prefer it is answered 202 at once, and its end is told once, with its counts', async () => {
  const items = Array.from({ length: 600 }, (_, n) => ({ content: `told ${n}`, category: 'told', name: n % 100 === 0 ? 'same' : `n${n}` }))
  const { status, body, headers } = await t.owner('POST', '/bulk/prompts', { items })
  expect([status, headers.get('location')]).toEqual([202, `/api/v1/bulk/operations/${body.id}`])
  expect(body).toMatchObject({ progress: { done: 0, total: 600 } })
  const done = await over(t.owner, body.id)
  const counts = { succeeded: 595, failed: 5, skipped: 0 }
  expect(done.body).toMatchObject({ status: 'succeeded', counts, progress: { done: 600, total: 600 } })
  expect(done.body.items).toBeUndefined()
  const finished = await t.database.query('select data from outbox where subject = $1', [body.id])
  expect(finished).toEqual([{ data: { operationId: body.id, kind: 'create', status: 'succeeded', counts } }])
})

test('with an Idempotency-Key the same request makes one operation', async () => {
  const send = () =>
    t.owner('POST', '/bulk/prompts', { items: [{ content: 'once', category: 'once' }] }, { 'idempotency-key': 'bulk-once' })
  const [first, second] = [await send(), await send()]
  expect([second.status, second.body.id, second.headers.get('idempotency-replayed')]).toEqual([202, first.body.id, 'true'])
  await over(t.owner, first.body.id)
  expect((await t.owner('GET', '/prompts/category/once')).body.items).toHaveLength(1)
})

test('an item that fails for a reason that is ours takes no other along, says nothing of it, and can be tried again', async () => {
  await t.database.query(`create function boom() returns trigger language plpgsql as $$ begin
    if new.name = 'boom' then raise exception 'secret of the database'; end if; return new; end $$`)
  await t.database.query('create trigger boom before insert on prompt for each row execute function boom()')
  const items = ['a', 'boom', 'c'].map((name) => ({ content: name, category: 'ours', name }))
  const answer = await bulk(t.owner, 'POST', '/bulk/prompts', { items })
  expect(outcomesOf(answer)).toEqual(['succeeded', 'internal', 'succeeded'])
  expect(answer.text).not.toContain('secret')
  await t.database.query('drop function boom cascade')
  const again = await bulk(t.owner, 'POST', `/bulk/operations/${answer.body.id}/retry`, undefined)
  expect(outcomesOf(again)).toEqual(['succeeded'])
  const events = await t.database.query(`select 1 from outbox where type = 'prompt.created' and data ->> 'category' = 'ours'`)
  expect(events).toHaveLength(3)
})
