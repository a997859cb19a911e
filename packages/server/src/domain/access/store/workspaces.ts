import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { WorkspaceNotFound } from '../model/failures.ts'
import type { Workspace } from '../model/workspaces.ts'
import '../tables.ts'

export const workspaceColumns = ['id', 'name', 'createdBy', 'createdAt', 'updatedAt', 'revision'] as const

/** The workspace that the transaction works in. */
export const workspaceStore = (tx: Db) => ({
  async exists(id: string): Promise<boolean> {
    return (await tx.selectFrom('workspace').select('id').where('id', '=', id).executeTakeFirst()) !== undefined
  },

  /** Lock it: who changes the members of a workspace queues here. @throws WorkspaceNotFound */
  async lock(id: string): Promise<Workspace> {
    const row = await tx.selectFrom('workspace').select(workspaceColumns).where('id', '=', id).forNoKeyUpdate().executeTakeFirst()
    if (!row) throw new AppError(WorkspaceNotFound, `There is no workspace ${id}.`)
    return row
  },

  /** ps_app makes no workspace: for this one statement the transaction works as ps_system. */
  async add({ id, name, createdBy, createdAt }: Pick<Workspace, 'id' | 'name' | 'createdBy' | 'createdAt'>): Promise<void> {
    await sql`set local role ps_system`.execute(tx)
    await tx.insertInto('workspace').values({ id, name, createdBy, createdAt }).execute()
    await sql`set local role ps_app`.execute(tx)
  },

  async save({ id, name, updatedAt, revision }: Workspace): Promise<void> {
    await tx.updateTable('workspace').set({ name, updatedAt, revision }).where('id', '=', id).execute()
  },
})
