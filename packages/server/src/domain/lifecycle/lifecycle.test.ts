import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { aKeyWith, presenceIn } from '../access/testing/rights-kit.ts'
import { aPrompt, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import { moveMany, movePrompt } from './commands/move-prompt.ts'
import { allowedFrom, type Status } from './model/transitions.ts'
import { createPolicies, type Policies } from './policies.ts'
import { countPrompts, getLifecycle, listMoves, validateMove } from './queries/moves.ts'

const t = sharedApp()
let policies: Policies
beforeAll(() => {
  policies = createPolicies({ feed: t().app.feed, presence: presenceIn(t()) })
})
const move = (id: string, status: string, more: object = {}, headers: Record<string, string> = {}) =>
  t().owner('PUT', `/prompts/${id}/lifecycle`, { status, ...more }, headers)
const get = (id: string, path = '') => t().owner('GET', `/prompts/${id}/lifecycle${path}`)
const history = async (id: string): Promise<string[]> =>
  (await get(id, '/history')).body.items.map(({ from, to }: { from: string; to: string }) => `${from}→${to}`).reverse()
const moved = async (id: string, ...path: string[]) => {
  for (const status of path) expect(verdict(await move(id, status))).toEqual([200])
}
const events = (id: string) =>
  t().database.query<{ type: string; data: object }>(
    `select type, data from outbox where subject = $1 and type not in ('prompt.created', 'prompt.label_moved') order by id`,
    [id],
  )

describe('a move', () => {
  test('changes the status everywhere, counts as a change of the prompt, and is told', async () => {
    const { id, category, name, revision } = await aPrompt(t().owner)
    const answer = await move(id, 'review', { reason: 'ready' })
    expect(answer.body).toEqual({
      promptId: id,
      category,
      name,
      status: 'review',
      allowed: ['draft', 'published'],
      deprecatedAt: null,
      sunsetAt: null,
      successorId: null,
      reason: 'ready',
      movedBy: 'bootstrap',
      movedAt: expect.stringMatching(/Z$/),
      revision: revision + 1,
    })
    expect(answer.headers.get('etag')).toBe(`"${revision + 1}"`)
    const read = await get(id)
    expect([read.body, read.headers.get('etag')]).toEqual([answer.body, `"${revision + 1}"`])
    expect((await t().owner('GET', `/prompts/${id}`)).body).toMatchObject({ status: 'review', revision: revision + 1, version: 1 })
    expect((await t().owner('GET', `/prompts/search/${category}/${encodeURIComponent(name)}`)).body.status).toBe('review')
    expect(await events(id)).toEqual([{ type: 'prompt.status_changed', data: { category, name, from: 'draft', to: 'review' } }])
  })

  test('that there is not is 409 and lists those that there are; so is one to where it stands', async () => {
    const { id } = await aPrompt(t().owner)
    for (const status of ['deprecated', 'draft']) {
      const { body } = await move(id, status)
      expect(body).toMatchObject({
        status: 409,
        code: 'lifecycle.move_not_allowed',
        from: 'draft',
        to: status,
        allowed: ['review', 'published', 'archived'],
        detail: expect.stringContaining('review, published, archived'),
      })
    }
    expect([await history(id), await events(id)]).toEqual([[], []])
  })

  test('is refused for what is no status, no prompt, a deleted prompt, and an unknown field', async () => {
    const { id } = await aPrompt(t().owner)
    expect(verdict(await move(id, 'retired'))).toEqual([400, 'request.invalid'])
    expect(verdict(await move(id, 'review', { because: 'x' }))).toEqual([400, 'request.invalid'])
    expect(verdict(await move(id, 'review', { reason: 'x'.repeat(2001) }))).toEqual([400, 'request.invalid'])
    expect(verdict(await move('01900000-0000-7000-8000-000000000000', 'review'))).toEqual([404, 'prompt.not_found'])
    await t().owner('DELETE', `/prompts/${id}`)
    for (const answer of [await move(id, 'review'), await get(id), await get(id, '/history')])
      expect(verdict(answer)).toEqual([404, 'prompt.not_found'])
  })

  test('honours If-Match', async () => {
    const { id, revision } = await aPrompt(t().owner)
    expect(verdict(await move(id, 'review', {}, { 'if-match': `"${revision + 1}"` }))).toEqual([412, 'precondition.failed'])
    expect(verdict(await move(id, 'review', {}, { 'if-match': `"${revision}"` }))).toEqual([200])
    expect(verdict(await move(id, 'draft', {}, { 'if-match': `"${revision}"` }))).toEqual([412, 'precondition.failed'])
  })

  test('made by 16 callers at once is made once', async () => {
    const { id } = await aPrompt(t().owner)
    const answers = await Promise.all(Array.from({ length: 16 }, () => move(id, 'review')))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 15 }, () => 409)])
    expect(await history(id)).toEqual(['draft→review'])
  })

  test('is sent again under its Idempotency-Key without being made again', async () => {
    const { id } = await aPrompt(t().owner)
    const send = () => move(id, 'review', {}, { 'idempotency-key': `move ${id}`.replace(' ', '-') })
    const [first, second] = [await send(), await send()]
    expect([second.body, second.headers.get('idempotency-replayed')]).toEqual([first.body, 'true'])
    expect(await history(id)).toEqual(['draft→review'])
  })

  test('cannot be made by PUT /prompts/{id}, which says where it is made', async () => {
    const prompt = await aPrompt(t().owner)
    const { status, body } = await t().owner('PUT', `/prompts/${prompt.id}`, { status: 'published' })
    expect([status, body.errors]).toEqual([
      422,
      [{ pointer: '/status', code: 'field.read_only', detail: expect.stringContaining('PUT /prompts/{id}/lifecycle') }],
    ])
    expect(verdict(await t().owner('PUT', `/prompts/${prompt.id}`, { ...prompt, description: 'sent back' }))).toEqual([200])
  })

  test('needs lifecycle:write; looking needs lifecycle:read alone', async () => {
    const { id } = await aPrompt(t().owner)
    const reader = await t().as('lifecycle:read', 'prompts:read', 'prompts:write')
    expect((await reader('PUT', `/prompts/${id}/lifecycle`, { status: 'review' })).body).toMatchObject({
      status: 403,
      permission: 'lifecycle:write',
    })
    expect((await reader('POST', `/prompts/${id}/lifecycle/validate`, { status: 'review' })).body).toEqual({
      allowed: false,
      blockers: [{ code: 'permission', detail: expect.stringContaining('lifecycle:write') }],
    })
    const mover = await t().as('lifecycle:write')
    expect(verdict(await mover('PUT', `/prompts/${id}/lifecycle`, { status: 'review' }))).toEqual([200])
    expect((await mover('PUT', `/prompts/${id}/lifecycle`, { status: 'draft', force: true })).body.permission).toBe('prompts:force')
  })
})

test('limits of permissions to categories hold: what is hidden is not there, what is not allowed is 403, in bulk too', async () => {
  const [open, shut] = [await aPrompt(t().owner, { category: 'open' }), await aPrompt(t().owner, { category: 'shut' })]
  const ctx = (...limited: string[]) =>
    t().app.runtime.contextFor(
      {
        id: 'limited',
        workspaceId: '00000000-0000-7000-8000-000000000001',
        permissions: new Set(['prompts:read', 'lifecycle:read', 'lifecycle:write']),
        limits: new Map(limited.map((permission) => [permission, [{ categories: ['open'] }]])),
        instanceAdmin: false,
      },
      { requestId: 'r' },
    )
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'done',
      (error) => error.kind.code,
    )
  const seeing = ctx('lifecycle:write')
  const blind = ctx('lifecycle:write', 'prompts:read')
  expect(await codeOf(movePrompt(policies)({ id: shut.id, status: 'review' }, seeing))).toBe('auth.forbidden')
  expect(await validateMove(policies)({ id: shut.id, status: 'review' }, seeing)).toMatchObject({
    allowed: false,
    blockers: [{ code: 'permission' }],
  })
  for (const work of [
    () => movePrompt(policies)({ id: shut.id, status: 'review' }, blind),
    () => validateMove(policies)({ id: shut.id, status: 'review' }, blind),
    () => getLifecycle({ id: shut.id }, blind),
    () => listMoves({ id: shut.id }, blind),
  ])
    expect(await codeOf(work())).toBe('prompt.not_found')
  const { items, errors } = await moveMany(policies)({ promptIds: [open.id, shut.id], status: 'published' }, blind)
  expect([items[0]?.status, items[1], errors.map(({ problem }) => problem.code)]).toEqual(['published', null, ['prompt.not_found']])
  expect(await codeOf(movePrompt(policies)({ id: open.id, status: 'deprecated', successorId: shut.id }, blind))).toBe(
    'lifecycle.deprecation_invalid',
  )
  expect(await countPrompts({ category: 'shut' }, blind)).toMatchObject({ total: 0 })
})

describe('the successor of a prompt that others are said to replace', () => {
  const replaces = async (sourceId: string, targetId: string, strength: number) =>
    expect((await t().owner('POST', `/prompts/${sourceId}/relationships`, { targetId, type: 'replaces', strength })).status).toBe(201)
  const successorOf = async (id: string, told: object = {}) => {
    await moved(id, 'published')
    return (await move(id, 'deprecated', told)).body.successorId
  }

  test('is the strongest of them that is served, unless another one or none is named', async () => {
    const [old, weak, strong, archived, deleted] = await Promise.all([0, 1, 2, 3, 4].map(() => aPrompt(t().owner)))
    await replaces(weak!.id, old!.id, 0.2)
    await replaces(strong!.id, old!.id, 0.6)
    await replaces(archived!.id, old!.id, 0.8)
    await replaces(deleted!.id, old!.id, 1)
    await replaces(old!.id, (await aPrompt(t().owner)).id, 1)
    await moved(archived!.id, 'archived')
    await t().owner('DELETE', `/prompts/${deleted!.id}`)
    expect(await successorOf(old!.id)).toBe(strong!.id)
    expect(verdict(await move(old!.id, 'deprecated')), 'once told, it stays').toEqual([409, 'lifecycle.move_not_allowed'])
    expect(await successorOf(old!.id, { successorId: weak!.id })).toBe(weak!.id)
    expect(await successorOf(old!.id, { successorId: null })).toBeNull()
    expect(await successorOf((await aPrompt(t().owner)).id)).toBeNull()
  })

  test('is none that the caller may not see', async () => {
    const old = await aPrompt(t().owner, { category: 'open' })
    const hidden = await aPrompt(t().owner, { category: 'secret' })
    await replaces(hidden.id, old.id, 1)
    await moved(old.id, 'published')
    const limited = await aKeyWith(t(), { permissions: ['prompts:read', 'lifecycle:write'], categories: ['open'] })
    const answer = await limited('PUT', `/prompts/${old.id}/lifecycle`, { status: 'deprecated' })
    expect([...verdict(answer), answer.body.successorId]).toEqual([200, null])
  })
})

describe('what is told of a deprecated prompt', () => {
  const sunsetAt = '2100-01-31T12:00:00.000Z'

  test('is changed while it lasts, and each change is in the history and in the feed', async () => {
    const successor = await aPrompt(t().owner)
    const { id, category, name } = await aPrompt(t().owner)
    await moved(id, 'published', 'deprecated')
    expect((await move(id, 'deprecated', { sunsetAt, successorId: successor.id, reason: 'plan' })).body).toMatchObject({
      status: 'deprecated',
      sunsetAt,
      successorId: successor.id,
      deprecatedAt: expect.stringMatching(/Z$/),
    })
    expect(verdict(await move(id, 'deprecated', { sunsetAt }))).toEqual([409, 'lifecycle.move_not_allowed'])
    const [last] = (await get(id, '/history')).body.items
    expect(last).toMatchObject({ from: 'deprecated', to: 'deprecated', reason: 'plan', sunsetAt, successorId: successor.id })
    expect((await events(id)).at(-1)).toEqual({ type: 'prompt.updated', data: { category, name, fields: ['sunsetAt', 'successorId'] } })
    await moved(id, 'published')
    expect((await get(id)).body).toMatchObject({ status: 'published', deprecatedAt: null, sunsetAt: null, successorId: null })
  })

  test('must make sense', async () => {
    const { id } = await aPrompt(t().owner)
    const archived = await aPrompt(t().owner)
    await moved(archived.id, 'archived')
    await moved(id, 'published')
    const wrong = [
      [{ sunsetAt: '2001-01-01T00:00:00Z' }, '/sunsetAt'],
      [{ successorId: id }, '/successorId'],
      [{ successorId: archived.id }, '/successorId'],
      [{ successorId: '01900000-0000-7000-8000-000000000000' }, '/successorId'],
    ] as const
    for (const [told, pointer] of wrong) {
      const { body } = await move(id, 'deprecated', told)
      expect([body.code, body.errors?.[0]?.pointer]).toEqual(['lifecycle.deprecation_invalid', pointer])
    }
    expect(verdict(await move(id, 'deprecated', { sunsetAt: 'tomorrow' }))).toEqual([400, 'request.invalid'])
    expect((await get(id)).body.status).toBe('published')
  })
})

describe('archiving what others include by a label', () => {
  test('is blocked, says who, and can be forced with the permission', async () => {
    const { id, name } = await aPrompt(t().owner)
    const includer = await aPrompt(t().owner, { content: `{{> tests/${encodeURIComponent(name)}@production}}` })
    const blocked = await move(id, 'archived')
    expect(blocked.body).toMatchObject({
      status: 409,
      code: 'lifecycle.move_blocked',
      blockers: [{ code: 'not_followed', detail: expect.stringContaining(`tests/${includer.name}`) }],
    })
    expect((await t().owner('POST', `/prompts/${id}/lifecycle/validate`, { status: 'archived' })).body).toEqual({
      allowed: false,
      blockers: blocked.body.blockers,
    })
    expect(verdict(await move(id, 'archived', { force: true }))).toEqual([200])
  })

  test('is free when they pin a version', async () => {
    const { id, name } = await aPrompt(t().owner)
    await aPrompt(t().owner, { content: `{{> tests/${encodeURIComponent(name)}@1}}` })
    await moved(id, 'archived')
  })
})

test('the history is walked page by page, newest first, with who, when and why', async () => {
  const { id } = await aPrompt(t().owner)
  await moved(id, 'review', 'draft', 'published', 'deprecated', 'archived', 'draft')
  const walked = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body }: { body: { items: { to: string }[]; nextCursor: string | null; total: number } } = await t().owner(
      'GET',
      `/prompts/${id}/lifecycle/history?limit=2&includeTotal=true${cursor && `&cursor=${cursor}`}`,
    )
    expect(body.total).toBe(6)
    walked.push(...body.items)
    cursor = body.nextCursor
  }
  expect(walked.map(({ to }) => to)).toEqual(['draft', 'archived', 'deprecated', 'published', 'draft', 'review'])
  expect(walked[0]).toEqual({
    from: 'archived',
    to: 'draft',
    reason: null,
    sunsetAt: null,
    successorId: null,
    movedBy: 'bootstrap',
    movedAt: expect.stringMatching(/Z$/),
  })
})

test('prompts are listed and counted by status, without the deleted ones', async () => {
  const category = 'counted'
  const [a, b, c] = [await aPrompt(t().owner, { category }), await aPrompt(t().owner, { category }), await aPrompt(t().owner, { category })]
  await moved(a.id, 'review')
  await moved(b.id, 'review')
  const listed = async (status: string, query = `category=${category}`) =>
    (await t().owner('GET', `/prompts/lifecycle/${status}?${query}`)).body.items.map(({ id }: { id: string }) => id)
  expect([await listed('review'), await listed('draft'), await listed('archived')]).toEqual([[b.id, a.id], [c.id], []])
  const first = (await t().owner('GET', `/prompts/lifecycle/review?category=${category}&limit=1`)).body
  expect(await listed('review', `category=${category}&cursor=${first.nextCursor}`)).toEqual([a.id])
  const counts = async (query = `?category=${category}`) => (await t().owner('GET', `/lifecycle/counts${query}`)).body
  expect(await counts()).toEqual({ counts: { draft: 1, review: 2, published: 0, deprecated: 0, archived: 0 }, total: 3 })
  await t().owner('DELETE', `/prompts/${a.id}`)
  expect(await counts()).toMatchObject({ counts: { review: 1 }, total: 2 })
  expect((await counts('')).total).toBeGreaterThan(2)
  expect(verdict(await t().owner('GET', '/prompts/lifecycle/retired'))).toEqual([404, 'route.not_found'])
})

test('the rules are told as a graph, with the conditions of each move', async () => {
  const { body } = await t().owner('GET', '/lifecycle/rules')
  expect([body.initial, body.transitions.length, body.statuses.length]).toEqual(['draft', 9, 5])
  for (const { conditions } of body.transitions) expect(conditions[0]).toEqual({ code: 'permission', detail: expect.any(String) })
})

describe('a move of many', () => {
  test('is answered item by item, in order: the good ones are made, the others say why not', async () => {
    const [a, b] = [await aPrompt(t().owner), await aPrompt(t().owner)]
    await moved(b.id, 'review')
    const nobody = '01900000-0000-7000-8000-000000000000'
    const { status, body } = await t().owner('POST', '/lifecycle/bulk', {
      promptIds: [a.id, b.id, nobody, a.id],
      status: 'review',
      reason: 'all',
    })
    expect([status, body.items.map((item: { promptId: string } | null) => item?.promptId ?? null)]).toEqual([200, [a.id, null, null, null]])
    expect(body.errors.map(({ index, problem }: { index: number; problem: { code: string } }) => [index, problem.code])).toEqual([
      [1, 'lifecycle.move_not_allowed'],
      [2, 'prompt.not_found'],
      [3, 'lifecycle.move_not_allowed'],
    ])
    expect((await get(a.id, '/history')).body.items[0].reason).toBe('all')
  })

  test('takes 200 in one call and no more', async () => {
    const { id } = await aPrompt(t().owner)
    const many = (count: number) => t().owner('POST', '/lifecycle/bulk', { promptIds: Array(count).fill(id), status: 'review' })
    expect(verdict(await many(201))).toEqual([400, 'request.invalid'])
    expect(verdict(await many(0))).toEqual([400, 'request.invalid'])
    const { body } = await many(200)
    expect([body.items.filter(Boolean).length, body.errors.length]).toEqual([1, 199])
  })

  test('is all or nothing when it is atomic', async () => {
    const [a, b] = [await aPrompt(t().owner), await aPrompt(t().owner)]
    await moved(b.id, 'review')
    const send = (status: string) => t().owner('POST', '/lifecycle/bulk', { promptIds: [a.id, b.id], status, atomic: true })
    const refused = await send('review')
    expect(verdict(refused)).toEqual([409, 'lifecycle.bulk_refused'])
    expect(refused.body.failures).toMatchObject([{ index: 1, problem: { code: 'lifecycle.move_not_allowed' } }])
    expect([(await get(a.id)).body.status, await history(a.id), await events(a.id)]).toEqual(['draft', [], []])
    const taken = await send('published')
    expect([taken.body.errors, taken.body.items.map(({ status }: { status: string }) => status)]).toEqual([[], ['published', 'published']])
  })

  test('keeps what went well under an Idempotency-Key too, and answers the same again', async () => {
    const [a, b] = [await aPrompt(t().owner), await aPrompt(t().owner)]
    await moved(a.id, 'review')
    const send = () =>
      t().owner('POST', '/lifecycle/bulk', { promptIds: [a.id, b.id], status: 'review' }, { 'idempotency-key': `bulk-${a.id}` })
    const [first, second] = [await send(), await send()]
    expect([first.body.items[0], first.body.items[1].status, second.body]).toEqual([null, 'review', first.body])
    expect(await history(b.id)).toEqual(['draft→review'])
  })
})

test('whatever is asked for in whatever order, status and history follow the table', async () => {
  const status = fc.constantFrom<Status>('draft', 'review', 'published', 'deprecated', 'archived')
  await fc.assert(
    fc.asyncProperty(fc.array(status, { minLength: 1, maxLength: 12 }), async (asked) => {
      const { id } = await aPrompt(t().owner)
      let now: Status = 'draft'
      const walked: string[] = []
      for (const to of asked) {
        const allowed = allowedFrom(now)
        const { body: validated } = await t().owner('POST', `/prompts/${id}/lifecycle/validate`, { status: to })
        const answer = await move(id, to)
        expect([validated.allowed, answer.status]).toEqual(allowed.includes(to) ? [true, 200] : [false, 409])
        if (answer.status === 409) expect(answer.body.allowed).toEqual(allowed)
        else walked.push(`${now}→${to}`)
        if (answer.status === 200) now = to
      }
      expect([(await get(id)).body.status, await history(id)]).toEqual([now, walked])
    }),
    { numRuns: 10, endOnFailure: true },
  )
})
