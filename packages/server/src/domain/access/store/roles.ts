import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { unprocessable } from '../../../core/problem.ts'
import { RoleBuiltIn, RoleNameTaken, RoleNotFound, RoleUnknown } from '../model/failures.ts'
import type { Role } from '../model/role-shapes.ts'
import { builtInRole, type Grant } from '../model/roles.ts'
import { customGrant } from '../queries.ts'
import '../tables.ts'

export const roleColumns = [
  'id',
  'name',
  'description',
  'permissions',
  'categories',
  'labels',
  'createdBy',
  'createdAt',
  'updatedAt',
  'revision',
] as const

export const roleStore = (tx: Db) => ({
  /** @throws RoleNotFound, RoleBuiltIn (409) */
  async lock(id: string): Promise<Role> {
    if (builtInRole(id)) throw new AppError(RoleBuiltIn, `"${id}" is there in every workspace. Make a role of your own by POST /roles.`)
    const row = await tx.selectFrom('role').select(roleColumns).where('id', '=', id).forNoKeyUpdate().executeTakeFirst()
    if (!row) throw new AppError(RoleNotFound, `There is no role ${id}.`)
    return { ...row, builtIn: false }
  },

  /** What a role gives, by its name. @throws RoleUnknown (422) */
  async grant(name: string, pointer = '/role'): Promise<Grant> {
    const builtIn = builtInRole(name)
    if (builtIn) return { permissions: builtIn }
    const custom = await this.find(name)
    if (!custom) throw unprocessable(RoleUnknown, pointer, 'role.unknown', `There is no role "${name}".`)
    return custom
  },

  /** A custom role; null when there is none of that name. */
  async find(name: string): Promise<Grant | null> {
    const row = await tx.selectFrom('role').select(['permissions', 'categories', 'labels']).where('name', '=', name).executeTakeFirst()
    return row ? customGrant(row) : null
  },

  /**
   * A name is free when it is no built-in one and nobody carries it: who had a role that was removed does not get another
   * one because that has the same name. @throws RoleNameTaken (409)
   */
  async assertFree(name: string): Promise<void> {
    const { rows } = await sql<{ carried: boolean }>`select
      exists (select from api_key where role = ${name} and revoked_at is null) or exists (select from member where role = ${name})
      or exists (select from invitation where role = ${name} and accepted_at is null)
      or exists (select from label_rule where ${name} = any (roles)) as carried`.execute(tx)
    if (builtInRole(name) || (await this.find(name)) || rows[0]?.carried)
      throw new AppError(
        RoleNameTaken,
        `"${name}" is the name of another role, or keys, members or label rules still carry it from a role that was removed. Choose another name.`,
      )
  },

  /** @throws RoleNameTaken (409) when somebody was faster */
  async add({ builtIn: _, id, name, description, permissions, categories, labels, revision }: Role, by: { actor: string; at: string }) {
    const row = { id, name, description, permissions, categories, labels, revision }
    const { numInsertedOrUpdatedRows = 0n } = await tx
      .insertInto('role')
      .values({ ...row, createdBy: by.actor, createdAt: by.at, updatedAt: by.at })
      .onConflict((c) => c.columns(['workspaceId', 'name']).doNothing())
      .executeTakeFirstOrThrow()
    if (numInsertedOrUpdatedRows === 0n) throw new AppError(RoleNameTaken, `"${name}" was taken a moment ago. Choose another name.`)
  },

  async save({ id, name, description, permissions, categories, labels, revision }: Role, updatedAt: string): Promise<void> {
    await tx
      .updateTable('role')
      .set({ name, description, permissions, categories, labels, revision, updatedAt })
      .where('id', '=', id)
      .execute()
  },

  /** Whoever has the role has it by its name. */
  async carryOver(from: string, to: string): Promise<void> {
    await tx.updateTable('apiKey').set({ role: to }).where('role', '=', from).execute()
    await tx.updateTable('member').set({ role: to }).where('role', '=', from).execute()
    await tx.updateTable('invitation').set({ role: to }).where('role', '=', from).execute()
    await sql`update label_rule set roles = array_replace(roles, ${from}, ${to}) where ${from} = any (roles)`.execute(tx)
  },

  async remove(id: string): Promise<void> {
    await tx.deleteFrom('role').where('id', '=', id).execute()
  },
})
