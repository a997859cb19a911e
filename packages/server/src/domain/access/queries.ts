import type { Principal } from '../../core/access.ts'
import type { Db } from '../../core/db.ts'
import { isId } from '../../core/ids.ts'
import { worksUntil } from './model/api-keys.ts'
import { grantOf } from './model/rights.ts'
import { compileRights, type Grant } from './model/roles.ts'
import { memberPrincipal } from './model/sessions.ts'
import './tables.ts'

/** Who a key is, and what is to be looked at on each use. Times are RFC 3339 UTC with milliseconds, so texts compare. */
export type FoundKey = Readonly<{ id: string; principal: Principal; until: string | null; cidrs: readonly string[] | null }>

export type RoleColumns = Readonly<{ permissions: string[] | null; categories: string[] | null; labels: string[] | null }>

/** A custom role as a grant; null when there is none. */
export const customGrant = ({ permissions, categories, labels }: RoleColumns): Grant | null =>
  permissions && { permissions, ...(categories && { categories }), ...(labels && { labels }) }

const keysWithRights = (db: Db) =>
  db
    .selectFrom('apiKey as k')
    .leftJoin('role as r', (on) => on.onRef('r.workspaceId', '=', 'k.workspaceId').onRef('r.name', '=', 'k.role'))
    .select([
      'k.id',
      'k.workspaceId',
      'k.permissions as scopes',
      'k.instanceAdmin',
      'k.role',
      'k.expiresAt',
      'k.retiresAt',
      'k.allowedCidrs',
    ])
    .select(['r.permissions', 'r.categories', 'r.labels'])

type KeyRow = NonNullable<Awaited<ReturnType<ReturnType<typeof keysWithRights>['executeTakeFirst']>>>

/** Who a key is, by its hash; undefined when there is none that is not revoked. Across workspaces: the key says which one. */
export async function findKey(db: Db, hash: string): Promise<FoundKey | undefined> {
  const row = await keysWithRights(db).where('k.secretHash', '=', hash).where('k.revokedAt', 'is', null).executeTakeFirst()
  return row && foundKey(row)
}

function foundKey(row: KeyRow): FoundKey {
  const { id, workspaceId, scopes, instanceAdmin, role, expiresAt, retiresAt, allowedCidrs } = row
  const rights = compileRights([grantOf({ role, scopes, custom: customGrant(row) })])
  const principal = { id: `key:${id}`, workspaceId, ...rights, ...(role !== null && { roles: [role] }), instanceAdmin }
  return { id, principal, until: worksUntil({ expiresAt, retiresAt }), cidrs: allowedCidrs }
}

/**
 * Who a principal of a workspace is now, by its id: for work that goes on when its request is over. Undefined when its
 * key was revoked or has ended, or it is no member any more. Across workspaces.
 * @param at.now RFC 3339
 */
export async function findPrincipal(db: Db, at: { id: string; workspaceId: string; now: string }): Promise<Principal | undefined> {
  const [kind, id = ''] = at.id.split(':', 2)
  if (!isId(id)) return undefined
  if (kind === 'user') return findMember(db, id, at.workspaceId)
  if (kind !== 'key') return undefined
  const row = await keysWithRights(db)
    .where('k.workspaceId', '=', at.workspaceId)
    .where('k.id', '=', id)
    .where('k.revokedAt', 'is', null)
    .executeTakeFirst()
  const key = row && foundKey(row)
  return key && (key.until === null || key.until > at.now) ? key.principal : undefined
}

async function findMember(db: Db, personId: string, workspaceId: string): Promise<Principal | undefined> {
  const row = await db
    .selectFrom('member as m')
    .leftJoin('role as r', (on) => on.onRef('r.workspaceId', '=', 'm.workspaceId').onRef('r.name', '=', 'm.role'))
    .select(['m.role', 'r.permissions', 'r.categories', 'r.labels'])
    .where('m.workspaceId', '=', workspaceId)
    .where('m.personId', '=', personId)
    .executeTakeFirst()
  return row && memberPrincipal(personId, { workspaceId, role: row.role }, customGrant(row))
}

/** False once any key was ever made: open mode does not come back when it is revoked. */
export const noKeyExists = async (db: Db): Promise<boolean> =>
  (await db.selectFrom('apiKey').select('id').limit(1).executeTakeFirst()) === undefined
