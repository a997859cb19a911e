import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { pageSize } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { RoleNotFound } from '../model/failures.ts'
import { builtIns, type Role } from '../model/role-shapes.ts'
import { roleColumns } from '../store/roles.ts'
import '../tables.ts'

type Paged = Readonly<{ limit?: number | undefined; cursor?: string | undefined; includeTotal?: boolean | undefined }>

/** The built-in roles, then those of the workspace by name. */
export async function listRoles({ limit, cursor, includeTotal }: Paged, ctx: Ctx): Promise<Page<Role>> {
  const size = pageSize(limit)
  const scope = `roles ${ctx.workspaceId}`
  const [given = 0, after = ''] = cursor === undefined ? [] : (ctx.cursors.decode(scope, cursor) as [number, string])
  const first = builtIns.slice(given, given + size)
  return ctx.read(async (db) => {
    const rows = await db
      .selectFrom('role')
      .select(roleColumns)
      .where('name', '>', after)
      .orderBy('name')
      .limit(size - first.length + 1)
      .execute()
    const custom = rows.slice(0, size - first.length).map((row): Role => ({ ...row, builtIn: false }))
    const more = given + first.length < builtIns.length || rows.length > custom.length
    const total = includeTotal
      ? (
          await db
            .selectFrom('role')
            .select(({ fn }) => fn.countAll<number>().as('count'))
            .executeTakeFirstOrThrow()
        ).count + builtIns.length
      : undefined
    return {
      items: [...first, ...custom],
      nextCursor: more ? ctx.cursors.encode(scope, [given + first.length, custom.at(-1)?.name ?? after]) : null,
      ...(total !== undefined && { total }),
    }
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
