import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { RoleNotFound } from '../model/failures.ts'
import { builtIns, type Role } from '../model/role-shapes.ts'
import { roleColumns } from '../store/roles.ts'
import '../tables.ts'

/** The built-in roles, then those of the workspace by name. */
export async function listRoles(paged: Paged, ctx: Ctx): Promise<Page<Role>> {
  const step = stepOf(`roles ${ctx.workspaceId}`, paged, ctx)
  const [given, after] = (step.after ?? [0, '']) as [number, string]
  const first = builtIns.slice(given, given + step.take)
  return ctx.read(async (db) => {
    const rows = await db
      .selectFrom('role')
      .select(roleColumns)
      .where('name', '>', after)
      .orderBy('name')
      .limit(step.take - first.length)
      .execute()
    const count = db.selectFrom('role').select(({ fn }) => fn.countAll<number>().as('count'))
    return step.page(
      [...first, ...rows.map((row): Role => ({ ...row, builtIn: false }))],
      ({ builtIn, id, name }) => (builtIn ? [builtIns.findIndex((role) => role.id === id) + 1, ''] : [builtIns.length, name]),
      async () => (await count.executeTakeFirstOrThrow()).count + builtIns.length,
    )
  })
}

/** @throws RoleNotFound (404) */
export async function getRole({ id }: { id: string }, ctx: Ctx): Promise<Role> {
  const builtIn = builtIns.find((role) => role.id === id)
  if (builtIn) return builtIn
  const row = await ctx.read((db) => db.selectFrom('role').select(roleColumns).where('id', '=', id).executeTakeFirst())
  if (!row) throw new AppError(RoleNotFound, `There is no role ${id}.`)
  return { ...row, builtIn: false }
}
