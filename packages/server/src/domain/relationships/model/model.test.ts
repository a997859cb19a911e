import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contradictionsOf } from './contradictions.ts'
import { cyclesOf, shortestPath, successors } from './graph.ts'
import { similarities } from './similarity.ts'
import type { RelationshipType } from './types.ts'

const link = (sourceId: string, targetId: string) => ({ sourceId, targetId })

describe('cycles', () => {
  test.each([1, 2, 3, 10, 50_000])('of %i nodes are found', (length) => {
    const links = Array.from({ length }, (_, i) => link(`${i}`, `${(i + 1) % length}`))
    const [cycle, ...others] = cyclesOf([...links, link('0', 'tail'), link('tail', 'end')])
    expect([cycle!.length, cycle![0], cycle!.at(-1), others]).toEqual([length + 1, '0', '0', []])
  })

  test('are found exactly where there are some, and each is a way along links', () => {
    const node = fc.nat(8).map(String)
    fc.assert(
      fc.property(fc.array(fc.tuple(node, node), { maxLength: 30 }), (pairs) => {
        const links = pairs.map(([from, to]) => link(from, to))
        const next = successors(links)
        const cyclic = [...next].filter(([from, targets]) => targets.some((to) => shortestPath(next, to, from))).map(([from]) => from)
        const cycles = cyclesOf(links)
        expect(cycles.length > 0).toBe(cyclic.length > 0)
        for (const cycle of cycles) {
          expect(cycle[0]).toBe(cycle.at(-1))
          for (let i = 1; i < cycle.length; i++) expect(next.get(cycle[i - 1]!)).toContain(cycle[i])
          for (const member of cycle) expect(cyclic).toContain(member)
        }
      }),
    )
  })
})

describe('contradictions', () => {
  const edge = (type: RelationshipType, sourceId = 'a', targetId = 'b') => ({ id: `${type} ${sourceId}`, type, sourceId, targetId })
  test.each<[string, ReturnType<typeof edge>, ReturnType<typeof edge>, number]>([
    ['conflict and need', edge('conflicts_with'), edge('extends', 'b', 'a'), 1],
    ['conflict and include', edge('includes'), edge('conflicts_with', 'b', 'a'), 1],
    ['mutual replacement', edge('replaces'), edge('replaces', 'b', 'a'), 1],
    ['needing what is replaced', edge('depends_on'), edge('replaces'), 1],
    ['being needed by what is replaced', edge('depends_on', 'b', 'a'), edge('replaces'), 0],
    ['reference and conflict', edge('references'), edge('conflicts_with'), 0],
    ['alternatives that are similar', edge('alternative'), edge('similar'), 0],
    ['other prompts', edge('conflicts_with'), edge('extends', 'b', 'c'), 0],
  ])('%s: as the table says, in either order', (_, a, b, count) => {
    expect(contradictionsOf([a, b])).toHaveLength(count)
    expect(contradictionsOf([b, a])).toHaveLength(count)
  })
})

describe('similarity', () => {
  test('is 1 for the same text, 0 for nothing in common, more for more in common; in scripts without spaces too', () => {
    const [same, near, far] = similarities('summarize the quarterly sales report', [
      'summarize the quarterly sales report',
      'summarize a sales meeting',
      'bake bread',
    ])
    expect([same!.score, far!.score]).toEqual([expect.closeTo(1, 9), 0])
    expect(near!.score).toBeGreaterThan(0)
    expect(near!.score).toBeLessThan(1)
    expect(near!.words).toEqual(['sales', 'summarize'])
    const [chinese, other] = similarities('请总结这份销售报告', ['总结销售报告', '写一首诗'])
    expect(chinese!.score).toBeGreaterThan(other!.score)
  })

  test('is a number from 0 to 1 that does not depend on the order, whatever the texts', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 5 }), (text, others) => {
        const scores = similarities(text, others).map(({ score }) => score)
        for (const score of scores) expect(score >= 0 && score <= 1).toBe(true)
        const reversed = similarities(text, others.toReversed()).map(({ score }) => score)
        reversed.reverse().forEach((score, i) => {
          expect(score).toBeCloseTo(scores[i]!, 9)
        })
      }),
    )
  })
})
