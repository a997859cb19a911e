import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { aPrompt, freshName, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import type { RelationshipType } from './model/types.ts'

const t = sharedApp()
const relate = (sourceId: string, targetId: string, type: RelationshipType) =>
  t().owner('POST', `/prompts/${sourceId}/relationships`, { targetId, type })
const some = (n: number) => Promise.all(Array.from({ length: n }, () => aPrompt(t().owner)))
const validate = async (plan?: object) => (await t().owner('POST', '/relationships/validate', plan)).body
const edgeCount = async () => (await t().database.query<{ n: number }>('select count(*)::int as n from relationship'))[0]!.n

/** Prompts and relationships straight into the tables: as many as no test can make by requests. */
async function fill(prompts: number, edges: readonly (readonly [from: number, to: number, type?: RelationshipType])[]): Promise<string[]> {
  const category = freshName('graph')
  const rows = await t().database.query<{ id: string }>(
    `insert into prompt (workspace_id, id, category, name, description, type, tags, metadata, is_template, status, version, revision, created_by, created_at, updated_at)
     select '00000000-0000-7000-8000-000000000001', gen_random_uuid(), $1, n::text, '', 'text', '{}', '{}', false, 'draft', 1, 1, 'test', now(), now()
     from generate_series(1, $2::int) n returning id`,
    [category, prompts],
  )
  const ids = rows.map(({ id }) => id)
  await t().database.query(
    `insert into relationship (workspace_id, id, source_id, target_id, type, strength, metadata, created_by, created_at, updated_at, revision)
     select '00000000-0000-7000-8000-000000000001', gen_random_uuid(), s, t, type, 1, '{}', 'test', now(), now(), 1
     from unnest($1::uuid[], $2::uuid[], $3::text[]) e (s, t, type) on conflict do nothing`,
    [edges.map(([from]) => ids[from]), edges.map(([, to]) => ids[to]), edges.map(([, , type = 'extends']) => type)],
  )
  return ids
}

describe('a cycle', () => {
  test.each([2, 3, 4, 5, 8, 20])('of %i prompts that need each other is refused with the way along it', async (length) => {
    const prompts = await some(length)
    const types: RelationshipType[] = ['extends', 'depends_on']
    for (let i = 1; i < length; i++) expect((await relate(prompts[i - 1]!.id, prompts[i]!.id, types[i % 2]!)).status).toBe(201)
    const { status, body } = await relate(prompts.at(-1)!.id, prompts[0]!.id, 'depends_on')
    expect([status, body.code, body.errors[0].pointer]).toEqual([422, 'relationship.cycle', '/targetId'])
    expect(body.cycle.map(({ id }: { id: string }) => id)).toEqual([prompts.at(-1)!, ...prompts].map(({ id }) => id))
    expect(body.cycle[0]).toEqual({ id: prompts.at(-1)!.id, category: 'tests', name: prompts.at(-1)!.name })
    expect((await relate(prompts.at(-1)!.id, prompts[0]!.id, 'references')).status, 'references may go in circles').toBe(201)
  })

  test('is seen through what the texts include', async () => {
    const [base] = await some(1)
    const whole = await aPrompt(t().owner, { content: `{{> tests/${base!.name}}}` })
    const { status, body } = await relate(base!.id, whole.id, 'extends')
    expect([status, body.code]).toEqual([422, 'relationship.cycle'])
  })

  test('through a deleted prompt is refused too, so that its restoration closes none', async () => {
    const [a, b, c] = await some(3)
    await relate(a!.id, b!.id, 'extends')
    await relate(b!.id, c!.id, 'extends')
    await t().owner('DELETE', `/prompts/${b!.id}`)
    expect(verdict(await relate(c!.id, a!.id, 'extends'))).toEqual([422, 'relationship.cycle'])
  })

  test('of five thousand prompts is found, and its detail stays readable', async () => {
    const length = 5_000
    const ids = await fill(
      length,
      Array.from({ length: length - 1 }, (_, i) => [i, i + 1]),
    )
    const { status, body } = await relate(ids.at(-1)!, ids[0]!, 'extends')
    expect([status, body.code, body.cycle.length, body.detail.length < 3_000]).toEqual([422, 'relationship.cycle', length + 1, true])
  })

  test('that parallel callers would close together is refused to exactly one of them', async () => {
    for (let round = 0; round < 6; round++) {
      const prompts = await some(2 + (round % 3))
      const answers = await Promise.all(
        prompts.map(({ id }, i) => relate(id, prompts[(i + 1) % prompts.length]!.id, round % 2 ? 'extends' : 'depends_on')),
      )
      expect(answers.map(({ status }) => status).sort()).toEqual([...prompts.slice(1).map(() => 201), 422])
    }
  })
})

describe('parallel callers who say the same', () => {
  test('are told so but for one, whichever way round they say it', async () => {
    const [a, b] = await some(2)
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, i) => (i % 2 ? relate(a!.id, b!.id, 'similar') : relate(b!.id, a!.id, 'similar'))),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409])
  })
})

describe('the graph around a prompt', () => {
  test('goes as deep as asked, in both directions, and no further', async () => {
    const chain = await some(7)
    for (let i = 1; i < chain.length; i++)
      await (i % 2 ? relate(chain[i - 1]!.id, chain[i]!.id, 'references') : relate(chain[i]!.id, chain[i - 1]!.id, 'references'))
    for (const depth of [1, 2, 3, 4, 5]) {
      const { body } = await t().owner('GET', `/prompts/${chain[0]!.id}/relationships/graph?depth=${depth}`)
      expect(body.nodes.map(({ id, depth: at }: { id: string; depth: number }) => [id, at])).toEqual(
        chain.slice(0, depth + 1).map(({ id }, i) => [id, i]),
      )
      expect([body.edges.length, body.truncated]).toEqual([depth, false])
    }
    for (const depth of [0, 6])
      expect((await t().owner('GET', `/prompts/${chain[0]!.id}/relationships/graph?depth=${depth}`)).status).toBe(400)
    expect((await t().owner('GET', `/prompts/${chain[0]!.id}/relationships/graph`)).body.nodes).toHaveLength(3)
  })

  test('agrees with a walk by hand on random graphs', async () => {
    const node = fc.nat(11)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(node, node), { maxLength: 25 }), fc.integer({ min: 1, max: 5 }), async (drawn, depth) => {
        const edges = drawn.filter(([a, b]) => a !== b)
        const ids = await fill(
          12,
          edges.map(([a, b]) => [a, b, 'references']),
        )
        const distance = new Map([[0, 0]])
        for (let d = 0; d < depth; d++)
          for (const [a, b] of edges)
            for (const [from, to] of [
              [a, b],
              [b, a],
            ] as const)
              if (distance.get(from) === d && !distance.has(to)) distance.set(to, d + 1)
        const { body } = await t().owner('GET', `/prompts/${ids[0]}/relationships/graph?depth=${depth}`)
        expect(Object.fromEntries(body.nodes.map((n: { id: string; depth: number }) => [n.id, n.depth]))).toEqual(
          Object.fromEntries([...distance].map(([i, d]) => [ids[i], d])),
        )
        const within = new Set(edges.filter(([a, b]) => distance.has(a) && distance.has(b)).map(([a, b]) => `${ids[a]} ${ids[b]}`))
        expect(new Set(body.edges.map((e: { sourceId: string; targetId: string }) => `${e.sourceId} ${e.targetId}`))).toEqual(within)
      }),
      { numRuns: 15 },
    )
  })

  test('of 10,000 relationships is cut at 1,000 prompts and says so, wherever it is looked at from', async () => {
    const prompts = 3_000
    // Knuth's multiplicative hash: scattered, and the same in every run.
    const scattered = (i: number) => (Math.imul(i, 2_654_435_761) >>> 7) % prompts
    const edges = Array.from({ length: 10_000 }, (_, i) => [i % prompts, scattered(i), 'references'] as const)
    const ids = await fill(
      prompts,
      edges.filter(([a, b]) => a !== b),
    )
    const { body, status } = await t().owner('GET', `/prompts/${ids[0]}/relationships/graph?depth=5`)
    expect([status, body.nodes.length, body.truncated]).toEqual([200, 1_000, true])
    expect(new Set(body.nodes.map(({ id }: { id: string }) => id)).size).toBe(1_000)
    const star = await fill(
      2_001,
      Array.from({ length: 2_000 }, (_, i) => [0, i + 1, 'references']),
    )
    const hub = (await t().owner('GET', `/prompts/${star[0]}/relationships/graph?depth=1`)).body
    expect([hub.nodes.length, hub.edges.length, hub.truncated]).toEqual([1_000, 999, true])
    expect((await t().owner('GET', `/prompts/${star[5]}/relationships/graph?depth=1`)).body).toMatchObject({ truncated: false })
    const { total, connected, mostConnected, byType } = (await t().owner('GET', '/relationships/stats')).body
    expect([total > 10_000, byType.references.count > 10_000, connected > 5_000]).toEqual([true, true, true])
    expect(mostConnected[0]).toMatchObject({ id: star[0], outgoing: 2_000, incoming: 0 })
  })
})

describe('a validation', () => {
  test('of a plan says what creating it would say, and changes nothing', async () => {
    const [a, b, gone] = await some(3)
    await relate(a!.id, b!.id, 'extends')
    await t().owner('DELETE', `/prompts/${gone!.id}`)
    const before = await edgeCount()
    const codes = async (sourceId: string, targetId: string, type: string) => {
      const { valid, problems } = await validate({ sourceId, targetId, type })
      return [valid, ...problems.map(({ severity, code }: Record<string, string>) => `${severity} ${code}`)]
    }
    expect(await codes(a!.id, b!.id, 'references')).toEqual([true])
    expect(await codes(a!.id, a!.id, 'references')).toEqual([false, 'error relationship.self'])
    expect(await codes(a!.id, b!.id, 'includes')).toEqual([false, 'error relationship.type_kept'])
    expect(await codes(a!.id, b!.id, 'extends')).toEqual([false, 'error relationship.exists'])
    expect(await codes(b!.id, a!.id, 'depends_on')).toEqual([false, 'error relationship.cycle'])
    expect(await codes(b!.id, a!.id, 'conflicts_with')).toEqual([false, 'warning relationship.contradiction'])
    expect(await codes(a!.id, gone!.id, 'references')).toEqual([false, 'error relationship.target_not_found'])
    expect(await codes(gone!.id, a!.id, 'references')).toEqual([false, 'error prompt.not_found'])
    expect(await edgeCount()).toBe(before)
    const partial = await t().owner('POST', '/relationships/validate', { sourceId: a!.id })
    expect([...verdict(partial), partial.body.errors.map(({ pointer }: { pointer: string }) => pointer)]).toEqual([
      422,
      'relationship.plan_incomplete',
      ['/targetId', '/type'],
    ])
  })

  test('of the whole graph finds cycles, contradictions and what dangles', async () => {
    const cycles = [2, 3, 7]
    for (const length of cycles)
      await fill(
        length,
        Array.from({ length }, (_, i) => [i, (i + 1) % length]),
      )
    const [x, y, gone, other] = await fill(4, [
      [0, 1, 'replaces'],
      [1, 0, 'replaces'],
      [2, 3, 'references'],
      [3, 2, 'derived_from'],
    ])
    await t().database.query('update prompt set deleted_at = now() where id = $1', [gone])
    const { valid, problems, truncated, checked } = await validate()
    expect([valid, truncated, checked]).toEqual([false, false, await edgeCount()])
    const found = (code: string) => problems.filter((problem: { code: string }) => problem.code === `relationship.${code}`)
    expect(
      found('cycle')
        .map(({ prompts }: { prompts: unknown[] }) => prompts.length - 1)
        .sort((p: number, q: number) => p - q),
    ).toEqual(cycles)
    expect(found('cycle')[0].relationshipIds).toHaveLength(found('cycle')[0].prompts.length - 1)
    const ids = ({ prompts }: { prompts: { id: string }[] }) => prompts.map(({ id }) => id).sort()
    expect(found('contradiction').map(ids)).toContainEqual([x, y].sort())
    expect(found('dangling').map(ids)).toContainEqual([gone, other].sort())
    expect(found('dangling').filter(({ detail }: { detail: string }) => detail.includes('derived_from'))).toEqual([])
  })
})
