import type { Json } from '../../core/db.ts'

/** The tables this context owns. No other context may name them in SQL. */
declare module '../../core/db.ts' {
  interface Tables {
    document: Owned & {
      id: string
      uri: string | null
      title: string
      mediaType: string
      text: string | null
      textBytes: number
      metadata: Json<Record<string, unknown>>
      createdBy: string
      createdAt: string
      updatedAt: string
      revision: number
    }
    documentLink: Owned & {
      promptId: string
      documentId: string
      position: number
      note: string
      linkedBy: string
      linkedAt: string
    }
  }
}
