import { describe, expect, test } from 'vitest'
import type { TestAnswer } from '../../testing/index.ts'
import { aPrompt, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import type { Relationship, RelationshipType } from './model/types.ts'

const t = sharedApp()
const relate = (sourceId: string, targetId: string, type: RelationshipType, more: object = {}): Promise<TestAnswer> =>
  t().owner('POST', `/prompts/${sourceId}/relationships`, { targetId, type, ...more })
const listed = async (id: string, query = '') =>
  (await t().owner('GET', `/prompts/${id}/relationships?${query}`)).body.items as Relationship[]
const some = (n: number, fields: object = {}) => Promise.all(Array.from({ length: n }, () => aPrompt(t().owner, { ...fields })))

describe('a relationship', () => {
  test('is created, read, made stronger and taken away', async () => {
    const [a, b] = await some(2)
    const made = await relate(a!.id, b!.id, 'references', { strength: 0.25, metadata: { why: 'quoted' } })
    expect([made.status, made.headers.get('location'), made.headers.get('etag')]).toEqual([
      201,
      `/api/v1/relationships/${made.body.id}`,
      '"1"',
    ])
    expect(made.body).toMatchObject({
      ...{ sourceId: a!.id, targetId: b!.id, type: 'references', strength: 0.25, metadata: { why: 'quoted' }, kept: false, revision: 1 },
      ...{ source: { category: 'tests', name: a!.name }, target: { category: 'tests', name: b!.name }, createdBy: 'bootstrap' },
    })
    expect((await t().owner('GET', `/relationships/${made.body.id}`)).body).toEqual(made.body)
    const stronger = await t().owner('PUT', `/relationships/${made.body.id}/strength`, { strength: 0.75 }, { 'if-match': '"1"' })
    expect([stronger.status, stronger.body.strength, stronger.headers.get('etag')]).toEqual([200, 0.75, '"2"'])
    expect((await t().owner('PUT', `/relationships/${made.body.id}/strength`, { strength: 0.75 })).body.revision).toBe(2)
    for (const [method, path, body] of [
      ['PUT', '/strength', { strength: 1 }],
      ['DELETE', '', undefined],
    ] as const)
      expect(verdict(await t().owner(method, `/relationships/${made.body.id}${path}`, body, { 'if-match': '"1"' }))).toEqual([
        412,
        'precondition.failed',
      ])
    expect((await t().owner('DELETE', `/relationships/${made.body.id}`)).status).toBe(204)
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['PUT', '/strength', { strength: 1 }],
      ['DELETE', '', undefined],
    ] as const)
      expect(verdict(await t().owner(method, `/relationships/${made.body.id}${path}`, body))).toEqual([404, 'relationship.not_found'])
    const told = await t().database.query(
      `select type, data->>'strength' as strength, data->>'previous' as previous from outbox where subject = $1 order by id`,
      [made.body.id],
    )
    expect(told).toEqual([
      { type: 'relationship.created', strength: '0.25', previous: null },
      { type: 'relationship.updated', strength: '0.75', previous: '0.25' },
      { type: 'relationship.deleted', strength: null, previous: null },
    ])
  })

  test('is fully strong when nobody says how strong it is, and is never stronger', async () => {
    const [a, b] = await some(2)
    expect((await relate(a!.id, b!.id, 'extends')).body.strength).toBe(1)
    for (const strength of [-0.1, 1.1])
      expect(verdict(await relate(a!.id, b!.id, 'replaces', { strength }))).toEqual([400, 'request.invalid'])
  })

  test('is said once: the same again is 409, and so is the reverse of what has no direction', async () => {
    const [a, b] = await some(2)
    const first = await relate(a!.id, b!.id, 'references')
    const again = await relate(a!.id, b!.id, 'references', { strength: 0.1 })
    expect([...verdict(again), again.body]).toEqual([
      409,
      'relationship.exists',
      expect.objectContaining({ relationshipId: first.body.id }),
    ])
    expect((await relate(b!.id, a!.id, 'references')).status).toBe(201)
    const similar = await relate(a!.id, b!.id, 'similar')
    expect((await relate(b!.id, a!.id, 'similar')).body).toMatchObject({ code: 'relationship.exists', relationshipId: similar.body.id })
  })

  test('leads from a live prompt to another live one', async () => {
    const [a, gone] = await some(2)
    await t().owner('DELETE', `/prompts/${gone!.id}`)
    expect(verdict(await relate(a!.id, a!.id, 'references'))).toEqual([422, 'relationship.self'])
    for (const target of [gone!.id, '01900000-0000-7000-8000-000000000000'])
      expect(verdict(await relate(a!.id, target, 'references'))).toEqual([422, 'relationship.target_not_found'])
    expect(verdict(await relate(gone!.id, a!.id, 'references'))).toEqual([404, 'prompt.not_found'])
    expect(verdict(await relate(a!.id, gone!.id, 'likes' as never))).toEqual([400, 'request.invalid'])
  })

  test('of a kept type is not made by hand, and metadata have a limit', async () => {
    const [a, b] = await some(2)
    for (const type of ['includes', 'derived_from'] as const) {
      const refused = await relate(a!.id, b!.id, type)
      expect([...verdict(refused), refused.body.errors[0].pointer]).toEqual([422, 'relationship.type_kept', '/type'])
    }
    const large = await relate(a!.id, b!.id, 'similar', { metadata: { text: 'x'.repeat(256 * 1024) } })
    expect(verdict(large)).toEqual([413, 'relationship.metadata_too_large'])
  })

  test('that contradicts another is taken, with a warning', async () => {
    const [a, b] = await some(2)
    await relate(a!.id, b!.id, 'depends_on')
    const { status, body } = await relate(b!.id, a!.id, 'conflicts_with')
    expect([status, body.warnings.map(({ code }: { code: string }) => code)]).toEqual([201, ['relationship.contradiction']])
    expect((await relate(a!.id, b!.id, 'references')).body.warnings).toBeUndefined()
  })
})

describe('the list of a prompt', () => {
  test('filters by direction, type and strength, and pages without gaps', async () => {
    const [hub, ...others] = await some(6)
    for (const [i, { id }] of others.entries()) await relate(hub!.id, id, 'references', { strength: i / 10 })
    await relate(others[0]!.id, hub!.id, 'extends')
    expect(await listed(hub!.id)).toHaveLength(6)
    expect(await listed(hub!.id, 'direction=outgoing')).toHaveLength(5)
    expect((await listed(hub!.id, 'direction=incoming')).map(({ type }) => type)).toEqual(['extends'])
    expect(await listed(hub!.id, 'type=extends&type=similar')).toHaveLength(1)
    expect((await listed(hub!.id, 'direction=outgoing&minStrength=0.3')).map(({ strength }) => strength)).toEqual([0.4, 0.3])
    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body }: { body: { items: Relationship[]; nextCursor: string | null; total: number } } = await t().owner(
        'GET',
        `/prompts/${hub!.id}/relationships?limit=2&includeTotal=true${cursor && `&cursor=${cursor}`}`,
      )
      expect(body.total).toBe(6)
      seen.push(...body.items.map(({ id }) => id))
      cursor = body.nextCursor
    }
    expect(seen).toEqual((await listed(hub!.id)).map(({ id }) => id))
  })

  test('hides what leads to a deleted prompt until it is restored', async () => {
    const [a, b] = await some(2)
    const { body: edge } = await relate(a!.id, b!.id, 'references')
    await t().owner('DELETE', `/prompts/${b!.id}`)
    expect(await listed(a!.id)).toEqual([])
    expect((await t().owner('GET', `/prompts/${a!.id}/relationships/graph`)).body).toMatchObject({ nodes: [{ id: a!.id }], edges: [] })
    expect(verdict(await t().owner('GET', `/relationships/${edge.id}`))).toEqual([404, 'relationship.not_found'])
    expect(verdict(await t().owner('PUT', `/relationships/${edge.id}/strength`, { strength: 0 }))).toEqual([404, 'relationship.not_found'])
    expect(verdict(await t().owner('GET', `/prompts/${b!.id}/relationships`))).toEqual([404, 'prompt.not_found'])
    await t().owner('POST', `/prompts/${b!.id}/restore`)
    expect((await listed(a!.id)).map(({ id }) => id)).toEqual([edge.id])
    await t().owner('DELETE', `/prompts/${b!.id}`)
    expect((await t().owner('DELETE', `/relationships/${edge.id}`)).status, 'what dangles can be cleared').toBe(204)
  })

  test('survives a rename of either end', async () => {
    const [a, b] = await some(2)
    await relate(a!.id, b!.id, 'references')
    await t().owner('PUT', `/prompts/${b!.id}`, { name: `${b!.name} anew` })
    expect((await listed(a!.id))[0]!.target.name).toBe(`${b!.name} anew`)
  })
})
