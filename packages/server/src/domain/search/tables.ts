import type { Generated } from '../../core/db.ts'

/** The tables this context owns. No other context may name them in SQL. */
declare module '../../core/db.ts' {
  interface Tables {
    searchProgress: {
      onlyRow: Generated<boolean>
      position: number
      indexVersion: number
      walking: boolean
      walkWorkspace: string | null
      walkPrompt: string | null
    }
    searchDocument: Owned & {
      promptId: string
      revision: number
      category: string
      tags: string[]
      status: string
      author: string
      isTemplate: boolean
      labels: string[]
      updatedAt: string
      terms: number[]
      titleTerms: number[]
      weights: Buffer
      textHash: string
    }
    searchTerm: Owned & { term: string; id: Generated<number>; documents: number }
    searchStatistics: Owned & { documents: number }
    searchVectorDue: Owned & { promptId: string; textHash: string; claimedUntil: string | null }
    searchVector: Owned & { promptId: string; model: string; dimensions: number; vector: Buffer; xid: Generated<string> }
  }
}
