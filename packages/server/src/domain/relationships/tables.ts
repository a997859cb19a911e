import type { Json } from '../../core/db.ts'
import type { RelationshipType } from './model/types.ts'

/** The tables this context owns. No other context may name them in SQL. */
declare module '../../core/db.ts' {
  interface Tables {
    relationship: Owned & {
      id: string
      sourceId: string
      targetId: string
      type: RelationshipType
      strength: number
      metadata: Json<Record<string, unknown>>
      createdBy: string
      createdAt: string
      updatedAt: string
      revision: number
    }
  }
}
