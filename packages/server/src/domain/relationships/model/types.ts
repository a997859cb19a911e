import { type Static, Type } from 'typebox'
import { FreeJson, Id, Nullable, Strict, Timestamp } from '../../../core/schemas.ts'

type Traits = Readonly<{
  /** Kept by the service from what prompts do: nobody makes, changes or deletes it by hand. */
  kept?: true
  /** The source cannot do without the target: such relationships, whatever their mix, form no cycle. */
  needs?: true
  /** Says the same in both directions, so it is said once. */
  symmetric?: true
}>

/** What each type of relationship means for the rules. Reads "source type target". */
export const traits = {
  extends: { needs: true },
  references: {},
  includes: { kept: true, needs: true },
  alternative: { symmetric: true },
  similar: { symmetric: true },
  derived_from: { kept: true },
  replaces: {},
  depends_on: { needs: true },
  conflicts_with: { symmetric: true },
} as const satisfies Readonly<Record<string, Traits>>

export type RelationshipType = keyof typeof traits
export const relationshipTypes = Object.keys(traits) as RelationshipType[]
const traitsOf = (type: RelationshipType): Traits => traits[type]
export const isKept = (type: RelationshipType): boolean => traitsOf(type).kept === true
export const needs = (type: RelationshipType): boolean => traitsOf(type).needs === true
export const isSymmetric = (type: RelationshipType): boolean => traitsOf(type).symmetric === true
export const needTypes = relationshipTypes.filter(needs)

export const RelationshipKind = Type.Enum(relationshipTypes, {
  description: 'Reads "source type target"; includes and derived_from are kept by the service itself',
})
/** How strong a relationship is when nobody says; that of kept ones too. */
export const defaultStrength = 1
export const Strength = Type.Number({ minimum: 0, maximum: 1, description: 'From 0 (barely) to 1 (fully)' })
export const Metadata = FreeJson("The owner's own facts, up to 256 kB")

/** Nulls stand for a prompt that the caller may not see. */
export const PromptRef = Strict(
  { id: Nullable(Id), category: Nullable(Type.String()), name: Nullable(Type.String()) },
  { $id: 'PromptRef', description: 'A prompt; nulls stand for one that the caller may not see' },
)
export type PromptRef = Static<typeof PromptRef>
const Named = Strict({ category: Type.String(), name: Type.String() })

const Warning = Strict({ code: Type.String(), detail: Type.String() })
export const Relationship = Strict(
  {
    id: Id,
    sourceId: Id,
    targetId: Id,
    type: RelationshipKind,
    strength: Strength,
    metadata: Metadata,
    kept: Type.Boolean({ description: 'Kept by the service: it follows the prompts and cannot be changed by hand' }),
    source: Named,
    target: Named,
    createdBy: Type.String(),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    revision: Type.Integer({ minimum: 1, description: 'Grows by one at each change; the ETag' }),
    warnings: Type.Optional(Type.Array(Warning, { description: 'In the answer to a creation: what it contradicts' })),
  },
  { $id: 'Relationship' },
)
export type Relationship = Static<typeof Relationship>

/** An edge of the graph, as rules see it. */
export type Edge = Readonly<{ id?: string; sourceId: string; targetId: string; type: RelationshipType }>
