import type { Principal } from '../../core/access.ts'
import type { Db } from '../../core/db.ts'
import { worksUntil } from './model/api-keys.ts'
import { grantOf } from './model/rights.ts'
import { compileRights, type Grant } from './model/roles.ts'
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

/** Who a key is, by its hash; undefined when there is none that is not revoked. Across workspaces: the key says which one. */
export async function findKey(db: Db, hash: string): Promise<FoundKey | undefined> {
  const row = await keysWithRights(db).where('k.secretHash', '=', hash).where('k.revokedAt', 'is', null).executeTakeFirst()
  if (!row) return undefined
  const { id, workspaceId, scopes, instanceAdmin, role, expiresAt, retiresAt, allowedCidrs } = row
  const rights = compileRights([grantOf({ role, scopes, custom: customGrant(row) })])
  const principal = { id: `key:${id}`, workspaceId, ...rights, ...(role !== null && { roles: [role] }), instanceAdmin }
  return { id, principal, until: worksUntil({ expiresAt, retiresAt }), cidrs: allowedCidrs }
}

/** False once any key was ever made: open mode does not come back when it is revoked. */
export const noKeyExists = async (db: Db): Promise<boolean> =>
  (await db.selectFrom('apiKey').select('id').limit(1).executeTakeFirst()) === undefined
