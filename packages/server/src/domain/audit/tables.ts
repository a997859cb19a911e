import type { Generated, Json } from '../../core/db.ts'

/** The tables this context owns; core writes the entries of events (core/outbox.ts). */
declare module '../../core/db.ts' {
  interface Tables {
    auditEntry: {
      workspaceId: Generated<string>
      sequence: Generated<number>
      at: string
      actor: string
      action: string
      subject: string
      beforeHash: Buffer | null
      afterHash: Buffer | null
      requestId: string
      data: Json<Record<string, unknown>>
    }
    auditBlock: {
      workspaceId: Generated<string>
      height: number
      number: number
      through: number
      firstPosition: number
      lastPosition: number
      sequences: number[]
      hashes: Buffer
      previous: Buffer
      head: Buffer
      sealedAt: string
      keyId: string
      signature: Buffer
    }
  }
}
