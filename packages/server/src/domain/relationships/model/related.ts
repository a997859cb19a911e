import { type Static, Type } from 'typebox'
import type { Ctx } from '../../../core/context.ts'
import { Id, Strict } from '../../../core/schemas.ts'
import type { Similarity } from './similarity.ts'
import type { RelationshipType } from './types.ts'

const Score = Type.Number({ minimum: 0, maximum: 1 })
export const Related = Strict(
  {
    id: Id,
    category: Type.String(),
    name: Type.String(),
    description: Type.String(),
    score: Type.Number({ minimum: 0, maximum: 1, description: '0.5 × explicit + 0.35 × content + 0.15 × sharedUse' }),
    parts: Strict({
      explicit: Type.Number({ minimum: 0, maximum: 1, description: 'The strength of the strongest relationship between the two' }),
      content: Type.Number({ minimum: 0, maximum: 1, description: 'Cosine of the TF-IDF weights of name, description and text' }),
      sharedUse: Type.Number({ minimum: 0, maximum: 1, description: 'What they have in common in use, by its best kind (Jaccard index)' }),
    }),
    reasons: Type.Array(
      Strict({
        kind: Type.String({ description: 'relationship, content, includers, tags, documents, …' }),
        score: Score,
        detail: Type.String(),
      }),
      { description: 'What each part was made of, the strongest first' },
    ),
  },
  { $id: 'RelatedPrompt' },
)
export type Related = Static<typeof Related>

const weights = { explicit: 0.5, content: 0.35, sharedUse: 0.15 } as const
/** Texts less alike than this share words by chance: they count as not alike. */
const leastContent = 0.1

/** What two prompts have in common in their use, by one kind of evidence. `score`: from 0 to 1. */
export type Shared = Readonly<{ promptId: string; kind: string; score: number; detail: string }>
/** A source of such evidence: for a prompt others, at most some hundred. Contexts that know of uses give one; `app.ts` passes it. */
export type SharedUse = (promptId: string, ctx: Ctx) => Promise<readonly Shared[]>

/** Finds prompts by their words: the ids of those most like a text, best first. Search knows; `app.ts` passes it. */
export type Similar = (text: string, limit: number, ctx: Ctx) => Promise<readonly string[]>

export type Candidate = Readonly<{ id: string; category: string; name: string; description: string; text: string }>
export type Explicit = Readonly<{ promptId: string; type: RelationshipType; strength: number; outgoing: boolean }>
type Evidence = Readonly<{ explicit: readonly Explicit[]; content: Similarity; shared: readonly Shared[] }>

const best = (scores: readonly number[]): number => scores.reduce((most, score) => Math.max(most, score), 0)

/** What is said for a candidate, with the parts of its score. */
export function rate({ id, category, name, description }: Candidate, { explicit, content, shared }: Evidence): Related {
  const alike = content.score >= leastContent ? content.score : 0
  const parts = {
    explicit: best(explicit.map(({ strength }) => strength)),
    content: alike,
    sharedUse: best(shared.map(({ score }) => score)),
  }
  const score = weights.explicit * parts.explicit + weights.content * parts.content + weights.sharedUse * parts.sharedUse
  const reasons = [
    ...explicit.map(({ type, strength, outgoing }) => ({
      kind: 'relationship',
      score: strength,
      detail: outgoing ? `This prompt ${type} it.` : `It ${type} this prompt.`,
    })),
    ...(alike > 0 ? [{ kind: 'content', score: alike, detail: `Words in common: ${content.words.join(', ')}.` }] : []),
    ...shared.map(({ kind, score: found, detail }) => ({ kind, score: found, detail })),
  ]
  reasons.sort((a, b) => b.score - a.score || (a.kind < b.kind ? -1 : 1))
  return { id, category, name, description, score: Math.min(1, score), parts, reasons }
}

/** The best first; those for which nothing speaks left out. */
export const ranked = (items: readonly Related[]): Related[] =>
  items.filter(({ score }) => score > 0).sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
