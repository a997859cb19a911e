import { expect, test } from 'vitest'
import type { TestAnswer } from '../../testing/index.ts'
import { aKey, aKeyWith } from '../access/testing/rights-kit.ts'
import { sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'

const t = sharedApp()
const at = (scope: string) => `/lifecycle/policies/${encodeURIComponent(scope)}`
const put = (scope: string, body: object, headers: Record<string, string> = {}) => t().owner('PUT', at(scope), body, headers)
const told = (subject: string) =>
  t().database.query<{ type: string; data: object }>(`select type, data from outbox where subject = $1 order by id`, [subject])

test('a policy is made, read, changed field by field, and removed; each is told', async () => {
  const scope = 'category:a/b & c'
  const made = await put(scope, { approvals: 2, checks: ['lint'] })
  expect(made.body).toMatchObject({
    scope,
    approvals: 2,
    checks: ['lint'],
    freeze: [],
    compatibility: 'none',
    revision: 1,
    updatedBy: 'bootstrap',
  })
  const read = await t().owner('GET', at(scope))
  expect([read.body, read.headers.get('etag')]).toEqual([made.body, '"1"'])
  expect((await put(scope, { compatibility: 'backward', approvals: null })).body).toMatchObject({
    approvals: 0,
    checks: ['lint'],
    compatibility: 'backward',
    revision: 2,
  })
  expect((await put(scope, {})).body.revision).toBe(2)
  const edited = (await t().owner('GET', at(scope))).body
  expect((await put(scope, { ...edited, approvals: 1 })).body).toMatchObject({ approvals: 1, revision: 3 })
  expect(verdict(await t().owner('DELETE', at(scope)))).toEqual([204])
  expect(verdict(await t().owner('GET', at(scope)))).toEqual([404, 'policy.not_found'])
  expect(verdict(await t().owner('DELETE', at(scope)))).toEqual([404, 'policy.not_found'])
  expect((await told(scope)).map(({ type }) => type)).toEqual(['policy.changed', 'policy.changed', 'policy.changed', 'policy.removed'])
  expect((await told(scope))[0]!.data).toEqual({ scope, approvals: 2, checks: ['lint'], compatibility: 'none' })
})

test('policies are listed by scope, page by page', async () => {
  for (const scope of ['workspace', 'label:gold', 'category:listed']) await put(scope, { approvals: 0 })
  const scopes: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body }: TestAnswer = await t().owner('GET', `/lifecycle/policies?limit=1&includeTotal=true${cursor && `&cursor=${cursor}`}`)
    expect(body.total).toBe(3)
    scopes.push(...body.items.map(({ scope }: { scope: string }) => scope))
    cursor = body.nextCursor
  }
  expect(scopes).toEqual(['category:listed', 'label:gold', 'workspace'])
  for (const scope of scopes) await t().owner('DELETE', at(scope))
})

test.each([
  ['label:latest', {}, 404, 'policy.not_found'],
  ['label:Upper', {}, 404, 'policy.not_found'],
  ['category:', {}, 404, 'policy.not_found'],
  ['everything', {}, 404, 'policy.not_found'],
  [`category:${'x'.repeat(201)}`, {}, 404, 'policy.not_found'],
  ['workspace', { approvals: 11 }, 400, 'request.invalid'],
  ['workspace', { approvals: -1 }, 400, 'request.invalid'],
  ['workspace', { checks: ['bias'] }, 400, 'request.invalid'],
  ['workspace', { compatibility: 'forward' }, 400, 'request.invalid'],
  ['workspace', { freeze: [{ from: '2026-01-01T00:00:00Z' }] }, 400, 'request.invalid'],
  ['workspace', { freeze: [{ days: ['mon'], from: '9:00', to: '10:00', timeZone: 'UTC', reason: 'r' }] }, 400, 'request.invalid'],
  ['workspace', { freeze: [{ days: ['mon'], from: '09:00', to: '10:00', timeZone: 'Mars/Base', reason: 'r' }] }, 422, 'policy.invalid'],
  ['workspace', { revision: 9 }, 404, 'policy.not_found'],
])('what makes no sense is refused: %s %o', async (scope, body, status, code) => {
  expect(verdict(await put(scope, body))).toEqual([status, code])
})

test('read-only fields and stale changes are refused', async () => {
  await put('label:stale', { approvals: 1 })
  expect(verdict(await put('label:stale', { updatedBy: 'me' }))).toEqual([422, 'field.read_only'])
  expect(verdict(await put('label:stale', { approvals: 2 }, { 'if-match': '"7"' }))).toEqual([412, 'precondition.failed'])
  expect(verdict(await t().owner('DELETE', at('label:stale'), undefined, { 'if-match': '"7"' }))).toEqual([412, 'precondition.failed'])
  expect(verdict(await put('label:stale', { approvals: 2 }, { 'if-match': '"1"' }))).toEqual([200])
})

test('who may set policies for some categories or labels sets those alone, and sees of the others what it may', async () => {
  const inside = await aKeyWith(t(), { permissions: ['policies:write', 'lifecycle:read', 'prompts:read'], categories: ['mine'] })
  const set = async (scope: string) => verdict(await inside('PUT', at(scope), { approvals: 1 }))
  expect(await set('category:mine')).toEqual([200])
  for (const scope of ['category:other', 'workspace', 'label:gold']) expect(await set(scope)).toEqual([403, 'auth.forbidden'])
  await put('category:other', { approvals: 1 })
  expect(verdict(await inside('GET', at('category:other')))).toEqual([404, 'policy.not_found'])
  expect((await inside('GET', '/lifecycle/policies')).body.items.map(({ scope }: { scope: string }) => scope)).not.toContain(
    'category:other',
  )
  expect((await inside('GET', '/lifecycle/rules')).body.policies).not.toContainEqual(expect.objectContaining({ scope: 'category:other' }))
  const labelled = await aKeyWith(t(), { permissions: ['policies:write'], labels: ['beta'] })
  expect(verdict(await labelled('PUT', at('label:beta'), { approvals: 1 }))).toEqual([200])
  expect(verdict(await labelled('PUT', at('workspace'), { approvals: 1 }))).toEqual([403, 'auth.forbidden'])
  expect(verdict(await (await aKey(t(), { role: 'publisher' }))('PUT', at('label:beta'), { approvals: 1 }))).toEqual([
    403,
    'auth.forbidden',
  ])
})

test('a workspace has a bounded number of policies', async () => {
  const stranger = await t().stranger()
  await t().database.query(
    `insert into lifecycle_policy select $1, 'label:x' || n, 0, '{}', '[]', 'none', 'test', now(), 1 from generate_series(1, 200) n`,
    [stranger.workspaceId],
  )
  expect(verdict(await stranger('PUT', at('label:one-more'), {}))).toEqual([409, 'policy.too_many'])
  expect(verdict(await stranger('PUT', at('label:x1'), { approvals: 1 }))).toEqual([200])
})
