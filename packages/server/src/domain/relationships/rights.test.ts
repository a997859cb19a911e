import { expect, test } from 'vitest'
import type { Principal } from '../../core/access.ts'
import type { Ctx } from '../../core/context.ts'
import { aPrompt, sharedApp } from '../prompts/testing/prompt-kit.ts'
import { relate, unrelate } from './commands/relate.ts'
import { getGraph, getStats } from './queries/graph.ts'
import { listRelationships } from './queries/list.ts'
import { getRelated } from './queries/related.ts'
import { validateGraph, validatePlan } from './queries/validate.ts'

const t = sharedApp()
const workspaceId = '00000000-0000-7000-8000-000000000001'

/** A caller that reads and relates prompts of one category alone. */
const limitedTo = (category: string, more: Partial<Record<string, readonly string[]>> = {}): Ctx => {
  const limit = (categories: readonly string[]) => [{ categories }]
  const principal: Principal = {
    id: 'limited',
    workspaceId,
    permissions: new Set(['prompts:read', 'relationships:read', 'relationships:write']),
    limits: new Map([
      ['prompts:read', limit(more['prompts:read'] ?? [category])],
      ['relationships:write', limit([category])],
    ]),
    instanceAdmin: false,
  }
  return t().app.runtime.contextFor(principal, { requestId: 'test' })
}

test('a caller who is limited to a category sees no relationship to prompts of others, and makes none', async () => {
  const open = await aPrompt(t().owner, { category: 'open' })
  const mate = await aPrompt(t().owner, { category: 'open' })
  const secret = await aPrompt(t().owner, { category: 'secret' })
  const edge = (from: string, targetId: string, type: string) =>
    t()
      .owner('POST', `/prompts/${from}/relationships`, { targetId, type })
      .then(({ body }) => body.id as string)
  const seen = await edge(open.id, mate.id, 'references')
  const hidden = await edge(open.id, secret.id, 'extends')
  const ctx = limitedTo('open')
  expect((await listRelationships({ id: open.id }, ctx)).items.map(({ id }) => id)).toEqual([seen])
  const graph = await getGraph({ id: open.id, depth: 5 }, ctx)
  expect([graph.nodes.map(({ id }) => id).sort(), graph.edges.map(({ id }) => id)]).toEqual([[open.id, mate.id].sort(), [seen]])
  expect(await getStats(ctx)).toMatchObject({ total: 1, prompts: 2, connected: 2 })
  expect((await getRelated({ id: open.id }, { sharedUse: [], similar: async () => [] }, ctx)).items.map(({ id }) => id)).toEqual([mate.id])
  expect((await validateGraph(ctx)).checked).toBe(1)
  await expect(listRelationships({ id: secret.id }, ctx)).rejects.toThrow('prompt.not_found')
  await expect(unrelate({ relationshipId: hidden }, ctx)).rejects.toThrow('relationship.not_found')
  await expect(relate({ id: open.id, targetId: secret.id, type: 'similar' }, ctx)).rejects.toThrow('relationship.target_not_found')
  await expect(relate({ id: secret.id, targetId: open.id, type: 'similar' }, ctx)).rejects.toThrow('prompt.not_found')
})

test('a cycle through a hidden prompt is refused without telling its name', async () => {
  const [a, b] = [await aPrompt(t().owner, { category: 'open' }), await aPrompt(t().owner, { category: 'open' })]
  const secret = await aPrompt(t().owner, { category: 'secret' })
  await t().owner('POST', `/prompts/${a.id}/relationships`, { targetId: secret.id, type: 'extends' })
  await t().owner('POST', `/prompts/${secret.id}/relationships`, { targetId: b.id, type: 'depends_on' })
  const plan = { sourceId: b.id, targetId: a.id, type: 'extends' } as const
  const nobody = { id: null, category: null, name: null }
  const refused = await relate({ id: b.id, ...plan }, limitedTo('open')).catch((error) => error)
  expect([refused.kind.code, refused.extras.members.cycle]).toEqual([
    'relationship.cycle',
    [expect.objectContaining({ id: b.id }), expect.objectContaining({ id: a.id }), nobody, expect.objectContaining({ id: b.id })],
  ])
  expect(refused.detail).not.toContain(secret.name)
  const { valid, problems } = await validatePlan(plan, limitedTo('open'))
  expect([valid, problems.map(({ code }) => code), JSON.stringify(problems).includes(secret.name)]).toEqual([
    false,
    ['relationship.cycle'],
    false,
  ])
})

test('who reads more categories than it may write is refused with 403 where it may not write', async () => {
  const [a, b] = [await aPrompt(t().owner, { category: 'open' }), await aPrompt(t().owner, { category: 'other' })]
  const ctx = limitedTo('open', { 'prompts:read': ['open', 'other'] })
  await expect(relate({ id: b.id, targetId: a.id, type: 'references' }, ctx)).rejects.toThrow('auth.forbidden')
  expect((await relate({ id: a.id, targetId: b.id, type: 'references' }, ctx)).target.category).toBe('other')
})
