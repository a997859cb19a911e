import type { Principal } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { isId } from '../../../core/ids.ts'
import { worksUntil } from '../model/api-keys.ts'
import type { Subject } from '../model/explaining.ts'
import { installationPrincipal } from '../model/keys.ts'
import { grantOf } from '../model/rights.ts'
import { compileRights } from '../model/roles.ts'
import { customGrant } from '../queries.ts'
import '../tables.ts'

/** What is asked of a context to find somebody: which workspace, and what time it is. */
type There = Pick<Ctx, 'workspaceId' | 'now'>

/** A principal by the id that it has as an actor, `key:<id>` or `user:<id>`: as it is now. Undefined: there is none of them here. */
export async function findActor(db: Db, actor: string, there: There): Promise<Subject | undefined> {
  const [kind = '', id = ''] = actor.split(':')
  if (!isId(id)) return undefined
  return kind === 'key' ? findKey(db, id, there) : kind === 'user' ? findMember(db, 'personId', id, there) : undefined
}

/**
 * Who a principal is by now, and what it may do: for work that acts for somebody long after they asked for it.
 * @param actor its id, as `ctx.actor.id` was then
 * @returns undefined when it may do nothing here any more: the key is revoked or has ended, the person is no member
 */
export async function presentPrincipal(db: Db, actor: string, there: There): Promise<Principal | undefined> {
  const installation = installationPrincipal(actor)
  if (installation) return { ...installation, workspaceId: there.workspaceId }
  const found = await findActor(db, actor, there)
  return found && found.ended === undefined ? found.principal : undefined
}

/** A key or a member by its own id, or by the one that it has as an actor. */
export async function findSubject(db: Db, given: string, there: There): Promise<Subject | undefined> {
  if (given.includes(':')) return findActor(db, given, there)
  return isId(given) ? ((await findKey(db, given, there)) ?? (await findMember(db, 'id', given, there))) : undefined
}

async function findKey(db: Db, id: string, there: There): Promise<Subject | undefined> {
  const row = await db
    .selectFrom('apiKey as k')
    .leftJoin('role as r', 'r.name', 'k.role')
    .select(['k.permissions as scopes', 'k.role', 'k.instanceAdmin', 'k.revokedAt', 'k.expiresAt', 'k.retiresAt'])
    .select(['r.permissions', 'r.categories', 'r.labels'])
    .where('k.id', '=', id)
    .executeTakeFirst()
  if (!row) return undefined
  const { scopes, role, instanceAdmin, revokedAt } = row
  const until = worksUntil(row)
  const ended = revokedAt ? 'The key is revoked.' : until !== null && until <= there.now() ? `The key ended at ${until}.` : undefined
  const grant = grantOf({ role, scopes, custom: customGrant(row) })
  return { ...subjectOf(there, `key:${id}`, role, grant, instanceAdmin), kind: role === null ? 'scopes' : 'role', ended }
}

async function findMember(db: Db, column: 'id' | 'personId', id: string, there: There): Promise<Subject | undefined> {
  const row = await db
    .selectFrom('member as m')
    .leftJoin('role as r', 'r.name', 'm.role')
    .select(['m.personId', 'm.role', 'r.permissions', 'r.categories', 'r.labels'])
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
