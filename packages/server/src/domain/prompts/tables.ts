import type { ColumnType } from 'kysely'
import type { Generated, Json } from '../../core/db.ts'
import type { State, VersionState } from './model/prompt.ts'
import type { RedactionRequest } from './model/redaction.ts'
import type { Approval, Body, Redacted, Variable } from './model/shapes.ts'

/** The tables this context owns. No other context may name them in SQL. */
declare module '../../core/db.ts' {
  interface Tables {
    prompt: Owned & {
      id: string
      category: string
      name: string
      description: string
      type: Body['type']
      tags: string[]
      metadata: Json<Record<string, unknown>>
      isTemplate: boolean
      status: State['status']
      version: number
      revision: number
      parentPromptId: string | null
      parentVersion: number | null
      createdBy: string
      createdAt: string
      updatedAt: string
      deletedAt: string | null
      deprecatedAt: Generated<string | null>
      sunsetAt: Generated<string | null>
      successorId: Generated<string | null>
    }
    promptVersion: Owned & {
      promptId: string
      version: number
      engine: Body['engine']
      content: Json<Body['content']>
      variables: Json<Variable[]>
      config: Json<Record<string, unknown>>
      checksum: string
      changeSummary: string | null
      changeType: VersionState['changeType']
      approvals: ColumnType<Approval[], string | undefined, string>
      metadata: Json<Record<string, unknown>>
      createdBy: string
      createdAt: string
      redaction: ColumnType<Redacted | null, null | undefined, string>
    }
    promptRedaction: Owned & RedactionRequest & { purgeChecksum: string | null }
    promptLabel: Owned & { promptId: string; label: string; version: number }
    promptLabelMove: Owned & {
      id: Generated<number>
      promptId: string
      label: string
      fromVersion: number | null
      toVersion: number | null
      reason: string | null
      movedBy: string
      movedAt: string
    }
    promptUse: Owned & { promptId: string; lastServedAt: string }
    promptUseWatch: { since: string }
    promptFormerName: Owned & { category: string; name: string; promptId: string; expiresAt: string }
    promptInclude: Owned & {
      promptId: string
      version: number
      reference: string
      targetId: string
      targetLabel: string | null
      targetVersion: number | null
    }
  }
}
