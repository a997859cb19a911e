import type { Generated } from '../../core/db.ts'

/** The tables this context owns. */
declare module '../../core/db.ts' {
  interface Tables {
    workspace: { id: string; name: string; createdAt: string }
    apiKey: {
      workspaceId: Generated<string>
      id: string
      name: string
      secretHash: string
      permissions: string[]
      instanceAdmin: boolean
      createdBy: string
      createdAt: string
      revokedAt: string | null
    }
  }
}
