import type { Db } from '../../core/db.ts'
import { appendEvents } from '../../core/outbox.ts'
import { defaultWorkspaceId, hashKey, keyCreated } from './model/keys.ts'
import './tables.ts'

/** The default workspace exists from the first start on. */
export async function ensureDefaultWorkspace(db: Db, at: string): Promise<void> {
  await db
    .insertInto('workspace')
    .values({ id: defaultWorkspaceId, name: 'default', createdAt: at })
    .onConflict((c) => c.column('id').doNothing())
    .execute()
}

export type KeyToAdd = Readonly<{
  id: string
  workspaceId: string
  name: string
  key: string
  permissions: readonly string[]
  instanceAdmin: boolean
  createdBy: string
  at: string
}>

/** Keep a key's hash, and tell all instances: the first key ends open mode. */
export async function addKey(db: Db, { key, at, permissions, ...row }: KeyToAdd): Promise<void> {
  await db
    .insertInto('apiKey')
    .values({ ...row, permissions: [...permissions], secretHash: hashKey(key), createdAt: at, revokedAt: null })
    .execute()
  const rows = [keyCreated(row.id, { name: row.name })]
  await appendEvents(db, rows, { workspaceId: row.workspaceId, actor: row.createdBy, requestId: row.id, at, explicitWorkspace: true })
}
