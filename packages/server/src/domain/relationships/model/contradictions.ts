import type { Edge, RelationshipType } from './types.ts'

type Rule = Readonly<{
  type: RelationshipType
  against: readonly RelationshipType[]
  /** How the two lie to each other: from the same source, the other way round, or either. */
  direction: 'same' | 'opposite' | 'either'
  why: string
}>

/** What cannot both be true of the same two prompts. */
const contradictionRules: readonly Rule[] = [
  {
    type: 'conflicts_with',
    against: ['extends', 'includes', 'depends_on'],
    direction: 'either',
    why: 'A prompt cannot need another one that it conflicts with.',
  },
  { type: 'replaces', against: ['replaces'], direction: 'opposite', why: 'Two prompts cannot replace each other.' },
  {
    type: 'replaces',
    against: ['extends', 'includes', 'depends_on'],
    direction: 'same',
    why: 'A prompt cannot need the one that it replaces: that one is meant to go.',
  },
]

export type Contradiction = Readonly<{ edges: readonly [Edge, Edge]; why: string }>

const lie = (a: Edge, b: Edge): 'same' | 'opposite' => (a.sourceId === b.sourceId ? 'same' : 'opposite')

const broken = (a: Edge, b: Edge): Rule | undefined =>
  contradictionRules.find(
    ({ type, against, direction }) => a.type === type && against.includes(b.type) && (direction === 'either' || direction === lie(a, b)),
  )

/** The contradictions among relationships, each pair of them once. Linear in their number: only those of the same two prompts are compared. */
export function contradictionsOf(edges: readonly Edge[]): Contradiction[] {
  const pairs = new Map<string, Edge[]>()
  for (const edge of edges) {
    const key = [edge.sourceId, edge.targetId].sort().join()
    const known = pairs.get(key)
    if (known) known.push(edge)
    else pairs.set(key, [edge])
  }
  return [...pairs.values()].flatMap(amongTwo)
}

const amongTwo = (edges: readonly Edge[]): Contradiction[] =>
  edges.flatMap((a, i) =>
    edges.slice(i + 1).flatMap((b) => {
      const rule = broken(a, b) ?? broken(b, a)
      return rule ? [{ edges: [a, b] as const, why: rule.why }] : []
    }),
  )
