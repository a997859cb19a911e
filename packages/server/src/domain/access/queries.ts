import type { Principal } from '../../core/access.ts'
import type { Db } from '../../core/db.ts'
import './tables.ts'

/** Who a key is, by its hash; undefined when there is no such live key. Across workspaces: the key says which one. */
export async function findPrincipal(db: Db, hash: string): Promise<Principal | undefined> {
  const row = await db
    .selectFrom('apiKey')
    .select(['id', 'workspaceId', 'permissions', 'instanceAdmin'])
    .where('secretHash', '=', hash)
    .where('revokedAt', 'is', null)
    .executeTakeFirst()
  return (
    row && { id: `key:${row.id}`, workspaceId: row.workspaceId, permissions: new Set(row.permissions), instanceAdmin: row.instanceAdmin }
  )
}

/** False once any key was ever made: open mode does not come back when it is revoked. */
export const noKeyExists = async (db: Db): Promise<boolean> =>
  (await db.selectFrom('apiKey').select('id').limit(1).executeTakeFirst()) === undefined
