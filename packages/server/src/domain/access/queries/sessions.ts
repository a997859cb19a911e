import type { Db } from '../../../core/db.ts'
import { hashKey } from '../model/keys.ts'
import { type Membership, memberPrincipal, type Session } from '../model/sessions.ts'
import '../tables.ts'

/** The session of a token with its person's workspaces and rights; undefined when there is none that still holds. Across workspaces. */
export async function findSession(db: Db, token: string, at: { now: string; idleSince: string }): Promise<Session | undefined> {
  const row = await db
    .selectFrom('session as s')
    .innerJoin('person as p', 'p.id', 's.personId')
    .select(['s.id', 's.personId', 's.expiresAt', 's.lastSeenAt', 'p.email', 'p.name'])
    .where('s.tokenHash', '=', hashKey(token))
    .where('s.expiresAt', '>', at.now)
    .where('s.lastSeenAt', '>', at.idleSince)
    .executeTakeFirst()
  if (!row) return undefined
  const { personId, email, name, ...session } = row
  return { ...session, person: { id: personId, email, name }, memberships: await membershipsOf(db, personId) }
}

async function membershipsOf(db: Db, personId: string): Promise<Membership[]> {
  const rows = await db
    .selectFrom('member as m')
    .innerJoin('workspace as w', 'w.id', 'm.workspaceId')
    .leftJoin('role as r', (on) => on.onRef('r.workspaceId', '=', 'm.workspaceId').onRef('r.name', '=', 'm.role'))
    .select(['m.workspaceId', 'm.role', 'w.name as workspaceName', 'r.permissions', 'r.categories', 'r.labels'])
    .where('m.personId', '=', personId)
    .orderBy('w.createdAt')
    .orderBy('w.id')
    .execute()
  return rows.map(({ workspaceId, role, workspaceName, permissions, categories, labels }) => ({
    workspaceId,
    workspaceName,
    principal: memberPrincipal(
      personId,
      { workspaceId, role },
      permissions && { permissions, ...(categories && { categories }), ...(labels && { labels }) },
    ),
  }))
}
