import { sql } from 'kysely'
import { pokeChannel } from '../core/feed/sql.ts'
import { newId } from '../core/ids.ts'
import { addKey, defaultWorkspaceId, ensureDefaultWorkspace, newKey } from '../domain/access/index.ts'
import { openDatabase } from '../infrastructure/postgres/database.ts'

/**
 * Make a key that owns the default workspace and administers the installation. Running instances hear of it within a
 * moment, and end open mode.
 * @param options.force make it though there are keys already
 * @returns the key itself, of which only a hash is kept
 * @throws when a key exists, revoked ones too, and `force` is not set
 */
export async function bootstrapKey(url: string, options: { name: string; force: boolean }): Promise<string> {
  const database = openDatabase({ url, max: 1, pooled: false, onError: () => undefined })
  const id = newId()
  const key = newKey(id)
  const at = new Date().toISOString()
  try {
    await database.within('system', 'write', async (db) => {
      await ensureDefaultWorkspace(db, at)
      await db.selectFrom('workspace').select('id').where('id', '=', defaultWorkspaceId).forUpdate().execute() // one first key, however many ask at once
      const existing = await db.selectFrom('apiKey').select('id').limit(1).execute()
      if (existing.length > 0 && !options.force) throw new Error('There is a key already. Make more of them with it, or with --force here.')
      await addKey(db, {
        id,
        key,
        name: options.name,
        workspaceId: defaultWorkspaceId,
        permissions: ['*'],
        instanceAdmin: true,
        createdBy: 'prompt-store-admin',
        at,
      })
    })
    // Not in the transaction of the change, where NOTIFY would make all commits of the database queue.
    // Only a hint: the key is made, and instances hear of it within a second anyway.
    await database.within('system', 'write', (db) => sql`select pg_notify(${pokeChannel}, '')`.execute(db)).catch(() => undefined)
    return key
  } finally {
    await database.close()
  }
}
