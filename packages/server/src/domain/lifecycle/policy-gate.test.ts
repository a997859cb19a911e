import { beforeEach, describe, expect, test } from 'vitest'
import { aKey, aKeyWith, presenceIn } from '../access/testing/rights-kit.ts'
import { aPrompt, aVersion, freshName, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import { createPolicies } from './policies.ts'

/** The service's clock: a Friday noon in Berlin. */
const noon = '2026-06-05T10:00:00.000Z'
let now = noon
const t = sharedApp({ clock: () => now })
const blocked = [409, 'lifecycle.policy_blocked']
const glass = { reason: 'production is down' }

/** A category of the test's own. */
let category: string
beforeEach(() => {
  now = noon
  category = freshName('gated')
})
const policy = async (scope: string, rules: object) =>
  expect(verdict(await t().owner('PUT', `/lifecycle/policies/${encodeURIComponent(scope)}`, rules))).toEqual([200])
const inCategory = (rules: object) => policy(`category:${category}`, rules)
const freeze = [{ from: '2026-06-05T00:00:00Z', to: '2026-06-06T00:00:00Z', reason: 'Launch' }]
const prompt = (more: object = {}) => aPrompt(t().owner, { category, ...more })
const codesOf = (answer: { body: { blockers?: { code: string }[] } }) => answer.body.blockers?.map(({ code }) => code)
const deleted = async () => {
  const { id } = await prompt({ labels: ['live'] })
  await t().owner('DELETE', `/prompts/${id}`)
  return { id }
}
const inStatus = async (...statuses: string[]) => {
  const made = await prompt()
  for (const status of statuses) await t().owner('PUT', `/prompts/${made.id}/lifecycle`, { status })
  return made
}
const elsewhere = () => aPrompt(t().owner, { category: `${category} outside`, labels: ['live'] })

type Made = { id: string }
type Way = [name: string, make: () => Promise<Made>, call: (id: string) => [string, string, object?], done: number]

/** Every way to change what callers are served, on what it is done, and how. */
const ways: Way[] = [
  ['set a label', prompt, (id) => ['PUT', `/prompts/${id}/labels/live`, { version: 1 }], 200],
  ['take a label away', () => prompt({ labels: ['live'] }), (id) => ['DELETE', `/prompts/${id}/labels/live`], 204],
  ['roll back with labels', prompt, (id) => ['POST', `/prompts/${id}/versions/1/rollback`, { labels: ['live'] }], 201],
  [
    'fork with labels',
    elsewhere,
    (id) => ['POST', `/prompts/${id}/fork`, { name: freshName(), category, changes: { labels: ['live'] } }],
    201,
  ],
  ['create with labels', prompt, () => ['POST', '/prompts', { content: 'c', category, name: freshName(), labels: ['live'] }], 201],
  ['carry labels into the category', elsewhere, (id) => ['PUT', `/prompts/${id}`, { category }], 200],
  ['carry labels out of it', () => prompt({ labels: ['live'] }), (id) => ['PUT', `/prompts/${id}`, { category: `${category} out` }], 200],
  ['delete', prompt, (id) => ['DELETE', `/prompts/${id}`], 204],
  ['restore', deleted, (id) => ['POST', `/prompts/${id}/restore`], 200],
  ['publish', () => inStatus('review'), (id) => ['PUT', `/prompts/${id}/lifecycle`, { status: 'published' }], 200],
  ['deprecate', () => inStatus('published'), (id) => ['PUT', `/prompts/${id}/lifecycle`, { status: 'deprecated' }], 200],
  ['archive', () => inStatus('published', 'deprecated'), (id) => ['PUT', `/prompts/${id}/lifecycle`, { status: 'archived' }], 200],
  ['bring back', () => inStatus('archived'), (id) => ['PUT', `/prompts/${id}/lifecycle`, { status: 'draft' }], 200],
]

describe('while a category is frozen', () => {
  test.each(ways)('nobody can %s; and afterwards they can', async (_name, make, call, done) => {
    const { id } = await make()
    await inCategory({ freeze })
    const [method, path, body] = call(id)
    const answer = await t().owner(method, path, body)
    expect([verdict(answer), codesOf(answer)]).toEqual([blocked, ['freeze']])
    expect(answer.body.blockers[0]).toMatchObject({
      scope: `category:${category}`,
      detail: expect.stringContaining('Launch (until 2026-06-06'),
    })
    now = '2026-06-06T00:00:00.000Z'
    expect(verdict(await t().owner(method, path, body))).toEqual([done])
  })

  test.each(ways)('who may break the glass can %s, and that is told with the reason', async (_name, make, call, done) => {
    const { id } = await make()
    await inCategory({ freeze })
    const [method, path, body] = call(id)
    const broken: [string, string, object?] =
      body === undefined
        ? [method, `${path}?breakGlassReason=${encodeURIComponent(glass.reason)}`]
        : [method, path, { ...body, breakGlass: glass }]
    const publisher = await aKey(t(), { role: 'publisher' })
    expect([verdict(await publisher(...broken)), (await publisher(...broken)).body.permission]).toEqual([
      [403, 'auth.forbidden'],
      'policies:break_glass',
    ])
    const answer = await t().owner(...broken)
    expect(verdict(answer)).toEqual([done])
    const told = await t().database.query<{ data: object; subject: string }>(
      `select subject, data from outbox where type = 'policy.glass_broken' and data->'blockers'->0->>'scope' = $1`,
      [`category:${category}`],
    )
    const subject = answer.status === 201 && answer.body.id ? answer.body.id : id
    expect(told).toEqual([
      { subject, data: expect.objectContaining({ reason: glass.reason, blockers: [{ code: 'freeze', scope: `category:${category}` }] }) },
    ])
  })

  test('a revert is refused too, and what changes nothing that is served goes on', async () => {
    const { id } = await prompt({ labels: ['live'] })
    await aVersion(t().owner, { id }, 'two')
    await t().owner('PUT', `/prompts/${id}/labels/live`, { version: 2 })
    await inCategory({ freeze })
    expect(verdict(await t().owner('POST', `/prompts/${id}/labels/live/revert`, {}))).toEqual(blocked)
    const harmless: [string, string, object][] = [
      ['PUT', `/prompts/${id}/content`, { content: 'three' }],
      ['PUT', `/prompts/${id}`, { description: 'Better' }],
      ['PUT', `/prompts/${id}/labels/live`, { version: 2 }],
      ['POST', `/prompts/${id}/versions/1/rollback`, {}],
      ['PUT', `/prompts/${id}/lifecycle`, { status: 'review' }],
    ]
    for (const [method, path, body] of harmless)
      expect([path, (await t().owner(method, path, body)).status]).toEqual([path, path.endsWith('rollback') ? 201 : 200])
  })

  test('a new prompt gets no label by itself, and bulk moves are refused one by one or all together', async () => {
    const published = await inStatus('published')
    const free = await aPrompt(t().owner, { category: `${category} free` })
    await t().owner('PUT', `/prompts/${free.id}/lifecycle`, { status: 'published' })
    await inCategory({ freeze })
    expect((await prompt()).labels).toEqual({})
    const bulk = { promptIds: [published.id, free.id], status: 'deprecated' }
    const refused = await t().owner('POST', '/lifecycle/bulk', { ...bulk, atomic: true })
    expect([verdict(refused), refused.body.failures[0].problem.code]).toEqual([[409, 'lifecycle.bulk_refused'], 'lifecycle.policy_blocked'])
    const { body } = await t().owner('POST', '/lifecycle/bulk', bulk)
    expect([body.items[0], body.items[1].status, body.errors[0].problem.code]).toEqual([null, 'deprecated', 'lifecycle.policy_blocked'])
  })

  test('validate and rules say so', async () => {
    const { id } = await inStatus('published')
    await inCategory({ freeze })
    const { body } = await t().owner('POST', `/prompts/${id}/lifecycle/validate`, { status: 'deprecated' })
    expect(body).toEqual({ allowed: false, blockers: [{ code: 'freeze', scope: `category:${category}`, detail: expect.any(String) }] })
    const rules = (await t().owner('GET', '/lifecycle/rules')).body
    expect(rules.policies).toContainEqual({ scope: `category:${category}`, approvals: 0, checks: [] })
    const edge = rules.transitions.find(({ from, to }: { from: string; to: string }) => from === 'published' && to === 'deprecated')
    expect(edge.conditions.map(({ code }: { code: string }) => code)).toContain('not_frozen')
  })
})

test('a freeze of one label holds for that label alone, wherever the prompt is, and for the prompt that carries it', async () => {
  const label = freshName('frozen').replace(' ', '-')
  const { id } = await prompt({ labels: [label, 'other'] })
  const bare = await prompt()
  await aVersion(t().owner, { id }, 'two')
  await policy(`label:${label}`, { freeze: [{ days: ['fri'], from: '09:00', to: '18:00', timeZone: 'Europe/Berlin', reason: 'Fridays' }] })
  expect(verdict(await t().owner('PUT', `/prompts/${id}/labels/${label}`, { version: 2 }))).toEqual(blocked)
  expect(verdict(await t().owner('PUT', `/prompts/${id}/labels/other`, { version: 2 }))).toEqual([200])
  expect(verdict(await t().owner('DELETE', `/prompts/${id}`))).toEqual(blocked)
  expect(verdict(await t().owner('DELETE', `/prompts/${bare.id}`))).toEqual([204])
  now = '2026-06-05T16:00:00.000Z'
  expect(verdict(await t().owner('PUT', `/prompts/${id}/labels/${label}`, { version: 2 }))).toEqual([200])
})

test('a policy with a lint keeps a version that it objects to from labels, and from being published', async () => {
  const { id } = await inStatus('review')
  await t().owner('PUT', `/prompts/${id}`, { content: 'Answer [insert question] now', engine: 'mustache', variables: [] })
  await inCategory({ checks: ['lint'] }) // what is likely a mistake is a warning, and no error
  expect(verdict(await t().owner('PUT', `/prompts/${id}/labels/live`, { version: 2 }))).toEqual([200])
  await inCategory({ checks: ['lint_strict'] })
  for (const [path, body] of [
    [`/prompts/${id}/labels/other`, { version: 2 }],
    [`/prompts/${id}/lifecycle`, { status: 'published' }],
  ] as const) {
    const answer = await t().owner('PUT', path, body)
    expect([verdict(answer), codesOf(answer)]).toEqual([blocked, ['check']])
    expect(answer.body.detail).toContain('[insert question]')
  }
  expect(verdict(await t().owner('PUT', `/prompts/${id}/labels/fine`, { version: 1 }))).toEqual([200])
})

describe('a policy that keeps callers working', () => {
  test('refuses a label that would move to what its callers do not send, and says what', async () => {
    const { id } = await prompt({ content: 'Hello {{name}}', labels: ['live'] })
    await t().owner('PUT', `/prompts/${id}/content`, { content: 'Hello {{name}} of {{company}}' })
    await inCategory({ compatibility: 'backward' })
    const answer = await t().owner('PUT', `/prompts/${id}/labels/live`, { version: 2 })
    expect([verdict(answer), codesOf(answer)]).toEqual([blocked, ['compatibility']])
    expect(answer.body.blockers[0]).toMatchObject({
      label: 'live',
      differences: [{ variable: 'company', kind: 'required_added', detail: expect.stringContaining('company') }],
    })
    expect(verdict(await t().owner('PUT', `/prompts/${id}/labels/new`, { version: 2 }))).toEqual([200])
    await t().owner('PUT', `/prompts/${id}`, { variables: [{ name: 'name' }, { name: 'company', default: 'us' }] })
    expect(verdict(await t().owner('PUT', `/prompts/${id}/labels/live`, { version: 3 }))).toEqual([200])
    expect(verdict(await t().owner('POST', `/prompts/${id}/versions/2/rollback`, { labels: ['live'] }))).toEqual(blocked)
    expect(verdict(await t().owner('POST', `/prompts/${id}/versions/1/rollback`, { labels: ['live'] }))).toEqual([201])
  })

  test('looks at what is included too', async () => {
    const part = await aPrompt(t().owner, { content: 'Sign as {{signature}}', category: 'parts' })
    const { id } = await prompt({ content: 'Hello {{name}}', labels: ['live'] })
    await t().owner('PUT', `/prompts/${id}/content`, {
      content: `Hello {{name}} {{> parts/${encodeURIComponent(part.name).replaceAll('%20', ' ')}@production}}`,
    })
    await inCategory({ compatibility: 'backward' })
    const answer = await t().owner('PUT', `/prompts/${id}/labels/live`, { version: 2 })
    expect(answer.body.blockers?.[0].differences).toEqual([expect.objectContaining({ variable: 'signature', kind: 'required_added' })])
  })
})

describe('a policy that asks for approvals', () => {
  test('keeps what nobody has approved from every label and from being published; a new prompt gets none by itself', async () => {
    const before = await prompt({ labels: ['live'] })
    const unlabelled = await elsewhere()
    await inCategory({ approvals: 1 })
    const made = await prompt()
    expect(made.labels).toEqual({})
    await aVersion(t().owner, before, 'two')
    const calls: [string, string, object][] = [
      ['PUT', `/prompts/${before.id}/labels/live`, { version: 2 }],
      ['PUT', `/prompts/${before.id}/labels/other`, { version: 1 }],
      ['POST', `/prompts/${before.id}/versions/1/rollback`, { labels: ['live'] }],
      ['POST', '/prompts', { content: 'c', category, name: freshName(), labels: ['live'] }],
      ['POST', `/prompts/${before.id}/fork`, { name: freshName(), changes: { labels: ['live'] } }],
      ['PUT', `/prompts/${unlabelled.id}`, { category }],
    ]
    for (const [method, path, body] of calls) {
      const answer = await t().owner(method, path, body)
      expect([path, verdict(answer), codesOf(answer)]).toEqual([path, blocked, ['approvals']])
    }
    expect(verdict(await t().owner('DELETE', `/prompts/${before.id}/labels/live`))).toEqual([204])
    const direct = await t().owner('PUT', `/prompts/${made.id}/lifecycle`, { status: 'published' })
    expect([verdict(direct), direct.body.blockers[0].code]).toEqual([[409, 'lifecycle.move_blocked'], 'no_review_required'])
    await t().owner('PUT', `/prompts/${made.id}/lifecycle`, { status: 'review' })
    const answer = await t().owner('PUT', `/prompts/${made.id}/lifecycle`, { status: 'published' })
    expect([verdict(answer), codesOf(answer)]).toEqual([blocked, ['approvals']])
    const judged = (await t().owner('POST', `/prompts/${made.id}/lifecycle/validate`, { status: 'published' })).body
    expect(judged.blockers.map(({ code }: { code: string }) => code)).toEqual(['approvals'])
    await t().owner('DELETE', `/prompts/${made.id}`)
    expect(verdict(await t().owner('POST', `/prompts/${made.id}/restore`))).toEqual([200])
  })

  test('adds up with others: the strictest of all that fit holds', async () => {
    const label = freshName('strict').replace(' ', '-')
    const { id } = await prompt()
    await inCategory({ approvals: 1 })
    await policy(`label:${label}`, { approvals: 3, freeze })
    const answer = await t().owner('PUT', `/prompts/${id}/labels/${label}`, { version: 1 })
    expect(answer.body.blockers).toMatchObject([
      { code: 'freeze', scope: `label:${label}`, label },
      { code: 'approvals', scope: `label:${label}`, label, detail: expect.stringContaining('3 people') },
    ])
    expect((await t().owner('PUT', `/prompts/${id}/labels/elsewhere`, { version: 1 })).body.blockers).toMatchObject([
      { scope: `category:${category}`, detail: expect.stringContaining('1 person') },
    ])
  })

  test('is broken by who may in that category and at that label', async () => {
    const { id } = await prompt()
    await inCategory({ approvals: 1 })
    const permissions = ['prompts:read', 'labels:write', 'policies:break_glass']
    const breaker = await aKeyWith(t(), { permissions, labels: ['beta'] })
    const set = (label: string) => breaker('PUT', `/prompts/${id}/labels/${label}`, { version: 1, breakGlass: glass })
    expect(verdict(await set('beta'))).toEqual([200])
    const other = await aKeyWith(t(), { permissions, categories: ['elsewhere'] })
    expect(verdict(await other('PUT', `/prompts/${id}/labels/beta2`, { version: 1, breakGlass: glass }))).toEqual([403, 'auth.forbidden'])
    const free = await elsewhere()
    expect(verdict(await t().owner('PUT', `/prompts/${free.id}/labels/x`, { version: 1, breakGlass: glass }))).toEqual([200])
    expect(await t().database.query(`select 1 from outbox where type = 'policy.glass_broken' and subject = $1`, [free.id])).toEqual([])
  })
})

test('a policy holds from the moment it is committed, on other instances within a second, and where it was made at once', async () => {
  const { id } = await prompt()
  for (let round = 1; round <= 3; round++) {
    await inCategory({ freeze })
    expect(verdict(await t().owner('PUT', `/prompts/${id}/labels/l${round}`, { version: 1 }))).toEqual(blocked)
    await inCategory({ freeze: null })
    expect(verdict(await t().owner('PUT', `/prompts/${id}/labels/l${round}`, { version: 1 }))).toEqual([200])
  }
})

test('where there are no policies nothing is asked of the database, once that is known: also for many prompts at once', async () => {
  const { workspaceId } = await t().stranger()
  const { gate } = createPolicies({ feed: t().app.feed, presence: presenceIn(t()) })
  const ctx = t().app.runtime.contextFor({ id: 'x', workspaceId, permissions: new Set(['*']), instanceAdmin: false }, { requestId: 'r' })
  const asked = () => Promise.reject(new Error('a version was asked for'))
  const labels = [{ label: 'production', from: null, to: 1 }]
  const changes = Array.from({ length: 500 }, (_, n) => ({ promptId: `${n}`, category, labels, version: asked, variables: asked }))
  expect((await ctx.transact((tx) => gate(tx, ctx, changes))).flat()).toEqual([])
  const noDatabase = undefined as never
  await expect
    .poll(() =>
      gate(noDatabase, ctx, changes).then(
        (found) => found.length,
        () => 0,
      ),
    )
    .toBe(500)
})
