import { describe, expect, test } from 'vitest'
import { migrate, migrations } from '../../infrastructure/postgres/migrate.ts'
import { cloneDatabase, startTestApp } from '../../testing/index.ts'
import { aPrompt, aVersion, freshName, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import type { Relationship } from './model/types.ts'

const t = sharedApp()
const outgoing = async (id: string, type = 'includes') =>
  ((await t().owner('GET', `/prompts/${id}/relationships?direction=outgoing&type=${type}`)).body.items as Relationship[])
    .map(({ targetId }) => targetId)
    .sort()
const part = (fields: object = {}) => aPrompt(t().owner, { content: 'a part', ...fields })
const including = (...parts: { name: string }[]) => parts.map(({ name }) => `{{> tests/${name}}}`).join(' ')
const events = async () => (await t().database.query<{ type: string }>('select type from outbox order by id')).map(({ type }) => type)

describe('includes', () => {
  test('follow the text from its creation on: new ones come, others go', async () => {
    const [a, b, c] = [await part(), await part(), await part()]
    const whole = await aPrompt(t().owner, { content: including(a, b) })
    expect(await outgoing(whole.id)).toEqual([a.id, b.id].sort())
    await aVersion(t().owner, whole, including(b, c))
    expect(await outgoing(whole.id), 'version 1 is served').toEqual([a.id, b.id, c.id].sort())
    await t().owner('PUT', `/prompts/${whole.id}/labels/production`, { version: 2 })
    expect(await outgoing(whole.id)).toEqual([b.id, c.id].sort())
    await t().owner('POST', `/prompts/${whole.id}/labels/production/revert`, {})
    expect(await outgoing(whole.id)).toEqual([a.id, b.id, c.id].sort())
    await t().owner('DELETE', `/prompts/${whole.id}/labels/production`)
    expect(await outgoing(whole.id)).toEqual([b.id, c.id].sort())
    await t().owner('POST', `/prompts/${whole.id}/versions/1/rollback`, { labels: ['production'] })
    expect(await outgoing(whole.id)).toEqual([a.id, b.id].sort())
    await t().owner('PUT', `/prompts/${whole.id}`, { content: 'nothing', labels: undefined })
    await t().owner('PUT', `/prompts/${whole.id}/labels/production`, { version: 4 })
    expect(await outgoing(whole.id)).toEqual([])
  })

  test('of a prompt by several references, pinned or not, are one relationship', async () => {
    const a = await part()
    const whole = await aPrompt(t().owner, { content: `{{> tests/${a.name}}} {{> tests/${a.name}@1}}` })
    expect(await outgoing(whole.id)).toEqual([a.id])
    const self = await aVersion(t().owner, whole, `{{> tests/${whole.name}@1}}`)
    expect([self.version, await outgoing(whole.id)]).toEqual([2, [a.id]])
  })

  test('tell what came and went, and a change without includes tells nothing of the kind', async () => {
    const a = await part()
    const before = (await events()).length
    const whole = await aPrompt(t().owner, { content: including(a), labels: [] })
    await aVersion(t().owner, whole, `${including(a)} again`)
    await aVersion(t().owner, whole, 'alone')
    await aVersion(t().owner, whole, 'still alone')
    expect((await events()).slice(before)).toEqual([
      ...['prompt.created', 'prompt.includes_changed', 'relationship.created'],
      'prompt.version_created',
      ...['prompt.version_created', 'prompt.includes_changed', 'relationship.deleted'],
      'prompt.version_created',
    ])
  })

  test('that are refused leave nothing behind', async () => {
    const a = await part()
    const b = await aPrompt(t().owner, { content: including(a) })
    expect(verdict(await t().owner('PUT', `/prompts/${a.id}/content`, { content: including(b) }))).toEqual([422, 'include.cycle'])
    expect(await outgoing(a.id)).toEqual([])
  })

  test('hide with a deleted prompt and come back with it', async () => {
    const a = await part()
    const b = await aPrompt(t().owner, { content: including(a) })
    await t().owner('DELETE', `/prompts/${b.id}`)
    const incoming = async () => (await t().owner('GET', `/prompts/${a.id}/relationships?direction=incoming`)).body.items.length
    expect(await incoming()).toBe(0)
    await t().owner('POST', `/prompts/${b.id}/restore`)
    expect(await incoming()).toBe(1)
  })
})

describe('derived_from', () => {
  test('leads from a fork to its parent, beside what the fork includes', async () => {
    const a = await part()
    const parent = await aPrompt(t().owner, { content: including(a) })
    const fork = await t().owner('POST', `/prompts/${parent.id}/fork`, { name: freshName('fork') })
    expect([await outgoing(fork.body.id, 'derived_from'), await outgoing(fork.body.id)]).toEqual([[parent.id], [a.id]])
    const plain = await t().owner('POST', `/prompts/${parent.id}/fork`, { name: freshName('fork'), changes: { content: 'no part' } })
    expect([await outgoing(plain.body.id, 'derived_from'), await outgoing(plain.body.id)]).toEqual([[parent.id], []])
    const [edge] = (await t().owner('GET', `/prompts/${fork.body.id}/relationships?type=derived_from`)).body.items
    expect(edge).toMatchObject({ kept: true, strength: 1, metadata: { version: 1 } })
    for (const [method, path, body] of [
      ['PUT', '/strength', { strength: 0 }],
      ['DELETE', '', undefined],
    ] as const)
      expect(verdict(await t().owner(method, `/relationships/${edge.id}${path}`, body))).toEqual([409, 'relationship.kept'])
  })
})

test('what was there before the upgrade is found in it', async () => {
  const database = await cloneDatabase()
  const app = await startTestApp({ database })
  const a = await aPrompt(app.owner, { content: 'a part' })
  const whole = await aPrompt(app.owner, { content: including(a) })
  await app.owner('PUT', `/prompts/${whole.id}/content`, { content: `${including(a)} more` })
  const fork = (await app.owner('POST', `/prompts/${whole.id}/fork`, { name: 'fork' })).body
  const kept = async () =>
    (await database.query<object>(
      'select source_id, target_id, type, strength, metadata from relationship order by source_id, type',
    )) as object[]
  const before = await kept()
  expect(before).toHaveLength(3)
  await app.stop()
  await database.query('drop table relationship')
  await database.query(`delete from schema_migration where name = '0010_relationships.sql'`)
  expect(await migrate(database.url, { known: migrations() })).toEqual(['0010_relationships.sql'])
  expect(await kept()).toEqual(before)
  const again = await startTestApp({ database })
  const { items } = (await again.owner('GET', `/prompts/${fork.id}/relationships?type=derived_from`)).body
  expect(items).toEqual([expect.objectContaining({ targetId: whole.id, kept: true, revision: 1 })])
  expect(items[0].id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/)
  await again.stop()
  await database.drop()
})
