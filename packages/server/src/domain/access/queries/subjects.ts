import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { isId } from '../../../core/ids.ts'
import { worksUntil } from '../model/api-keys.ts'
import type { Subject } from '../model/explaining.ts'
import { grantOf } from '../model/rights.ts'
import { compileRights } from '../model/roles.ts'
import { customGrant } from '../queries.ts'
import '../tables.ts'

/** Where somebody is looked for, and at what time. */
export type There = Pick<Ctx, 'workspaceId' | 'now'>

/** Somebody who is found; `successor` is the key that took the place of this one. */
type Found = Subject & Readonly<{ successor?: string | null }>

/** A principal by the id that it has as an actor, `key:<id>` or `user:<id>`, as it is now. Also in transactions across workspaces. */
export async function findActor(db: Db, actor: string, there: There): Promise<Found | undefined> {
  const [kind = '', id = ''] = actor.split(':')
  if (!isId(id)) return undefined
  return kind === 'key' ? findKey(db, id, there) : kind === 'user' ? findMember(db, 'personId', id, there) : undefined
}

/** A key or a member by its own id, or by the one that it has as an actor. */
export async function findSubject(db: Db, given: string, there: There): Promise<Subject | undefined> {
  if (given.includes(':')) return findActor(db, given, there)
  return isId(given) ? ((await findKey(db, given, there)) ?? (await findMember(db, 'id', given, there))) : undefined
}

async function findKey(db: Db, id: string, there: There): Promise<Found | undefined> {
  const row = await db
    .selectFrom('apiKey as k')
    .leftJoin('role as r', (on) => on.onRef('r.workspaceId', '=', 'k.workspaceId').onRef('r.name', '=', 'k.role'))
    .select(['k.permissions as scopes', 'k.role', 'k.instanceAdmin', 'k.revokedAt', 'k.expiresAt', 'k.retiresAt', 'k.rotatedTo'])
    .select(['r.permissions', 'r.categories', 'r.labels'])
    .where('k.workspaceId', '=', there.workspaceId)
    .where('k.id', '=', id)
    .executeTakeFirst()
  if (!row) return undefined
  const { scopes, role, instanceAdmin, revokedAt } = row
  const until = worksUntil(row)
  const ended = revokedAt ? 'The key is revoked.' : until !== null && until <= there.now() ? `The key ended at ${until}.` : undefined
  const grant = grantOf({ role, scopes, custom: customGrant(row) })
  return {
    ...subjectOf(there, `key:${id}`, role, grant, instanceAdmin),
    kind: role === null ? 'scopes' : 'role',
    ended,
    successor: row.rotatedTo,
  }
}

async function findMember(db: Db, column: 'id' | 'personId', id: string, there: There): Promise<Subject | undefined> {
  const row = await db
    .selectFrom('member as m')
    .leftJoin('role as r', (on) => on.onRef('r.workspaceId', '=', 'm.workspaceId').onRef('r.name', '=', 'm.role'))
    .select(['m.personId', 'm.role', 'r.permissions', 'r.categories', 'r.labels'])
    .where('m.workspaceId', '=', there.workspaceId)
    .where(`m.${column}`, '=', id)
    .executeTakeFirst()
  if (!row) return undefined
  const grant = grantOf({ role: row.role, scopes: [], custom: customGrant(row) })
  return { ...subjectOf(there, `user:${row.personId}`, row.role, grant, false), kind: 'role' }
}

const subjectOf = ({ workspaceId }: There, id: string, role: string | null, grant: Subject['grant'], instanceAdmin: boolean) => ({
  principal: { id, workspaceId, ...compileRights([grant]), ...(role !== null && { roles: [role] }), instanceAdmin },
  role,
  grant,
})
