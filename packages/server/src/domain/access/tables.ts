import type { Generated } from '../../core/db.ts'

/** The tables this context owns. */
declare module '../../core/db.ts' {
  interface Tables {
    workspace: {
      id: string
      name: string
      createdAt: string
      createdBy: string | null
      updatedAt: string | null
      revision: Generated<number>
    }
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
      role: string | null
      expiresAt: string | null
      retiresAt: string | null
      allowedCidrs: string[] | null
      lastUsedAt: string | null
      rotatedTo: string | null
    }
    person: {
      id: string
      issuer: string
      subject: string
      email: string | null
      name: string | null
      createdAt: string
      lastLoginAt: string | null
    }
    role: {
      workspaceId: Generated<string>
      id: string
      name: string
      description: string
      permissions: string[]
      categories: string[] | null
      labels: string[] | null
      createdBy: string
      createdAt: string
      updatedAt: string
      revision: number
    }
    member: {
      workspaceId: Generated<string>
      id: string
      personId: string
      role: string
      addedBy: string
      createdAt: string
      updatedAt: string
      revision: number
    }
    invitation: {
      workspaceId: Generated<string>
      id: string
      email: string
      role: string
      tokenHash: string
      invitedBy: string
      createdAt: string
      expiresAt: string
      acceptedAt: string | null
      acceptedBy: string | null
    }
    labelRule: {
      workspaceId: Generated<string>
      label: string
      protected: boolean
      roles: string[] | null
      categories: string[] | null
      updatedBy: string
      updatedAt: string
      revision: number
    }
    loginAttempt: { stateHash: string; browserHash: string; returnTo: string; expiresAt: string }
    session: { id: string; tokenHash: string; personId: string; createdAt: string; lastSeenAt: string; expiresAt: string }
  }
}
