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
  role?: string | null
  expiresAt?: string | null
  allowedCidrs?: readonly string[] | null
  instanceAdmin: boolean
  createdBy: string
  at: string
}>

/** Keep a key's hash, and nothing else of it. */
export async function insertKey(db: Db, { key, at, permissions, allowedCidrs, ...row }: KeyToAdd): Promise<void> {
  const lists = { permissions: [...permissions], allowedCidrs: allowedCidrs ? [...allowedCidrs] : null }
  await db
    .insertInto('apiKey')
    .values({ ...row, ...lists, secretHash: hashKey(key), createdAt: at, revokedAt: null })
    .execute()
}

/** The same from outside of any workspace, told to all instances: the first key ends open mode. */
export async function addKey(db: Db, row: KeyToAdd): Promise<void> {
  const { id, workspaceId, createdBy: actor, at } = row
  await insertKey(db, row)
  await appendEvents(db, [keyCreated(id, { name: row.name })], { workspaceId, actor, requestId: id, at, explicitWorkspace: true })
}
