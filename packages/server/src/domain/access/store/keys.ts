import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import type { ApiKey } from '../model/api-keys.ts'
import { KeyNotFound } from '../model/failures.ts'
import type { Grant } from '../model/roles.ts'
import { customGrant } from '../queries.ts'
import '../tables.ts'

export const keyColumns = [
  'k.id',
  'k.workspaceId',
  'k.name',
  'k.role',
  'k.permissions as scopes',
  'k.instanceAdmin',
  'k.expiresAt',
  'k.allowedCidrs',
  'k.createdBy',
  'k.createdAt',
  'k.lastUsedAt',
  'k.revokedAt',
  'k.retiresAt',
  'k.rotatedTo',
] as const

export const keyStore = (tx: Db) => ({
  /** @throws KeyNotFound */
  async lock(id: string): Promise<ApiKey> {
    const row = await tx.selectFrom('apiKey as k').select(keyColumns).where('k.id', '=', id).forNoKeyUpdate().executeTakeFirst()
    if (!row) throw new AppError(KeyNotFound, `There is no key ${id}.`)
    return row
  },

  /** The custom role of that name; null when there is none. */
  async customRole(name: string | null): Promise<Grant | null> {
    if (name === null) return null
    const row = await tx.selectFrom('role').select(['permissions', 'categories', 'labels']).where('name', '=', name).executeTakeFirst()
    return row ? customGrant(row) : null
  },

  async end(id: string, how: Partial<Pick<ApiKey, 'revokedAt' | 'retiresAt' | 'rotatedTo'>>): Promise<void> {
    await tx.updateTable('apiKey').set(how).where('id', '=', id).execute()
  },
})

/** Note when keys were used last, across workspaces. */
export async function noteUse(db: Db, ids: readonly string[], at: string): Promise<void> {
  if (ids.length === 0) return
  await db.updateTable('apiKey').set({ lastUsedAt: at }).where('id', 'in', ids).execute()
}
