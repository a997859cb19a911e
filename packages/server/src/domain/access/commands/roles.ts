import type { Ctx } from '../../../core/context.ts'
import { between } from '../../../core/events.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { roleCreated, roleDeleted, roleUpdated } from '../model/events.ts'
import { assertKnown, assertWithin } from '../model/rights.ts'
import { type CreateRole, grantOfRole, type Role, type UpdateRole } from '../model/role-shapes.ts'
import { roleStore } from '../store/roles.ts'

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)]

/** Make a role. @throws PermissionUnknown (422), RightsExceeded (403), RoleNameTaken (409) */
export const createRole = (input: CreateRole, ctx: Ctx): Promise<Role> =>
  ctx.transact(async (tx) => {
    const { name, description = '', permissions, categories = null, labels = null } = input
    assertKnown(permissions, 'permissions')
    const by = { actor: ctx.actor.id, at: ctx.now() }
    const origin = { createdBy: by.actor, createdAt: by.at, updatedAt: by.at, revision: 1 }
    const role: Role = {
      id: ctx.newId(),
      name,
      description,
      builtIn: false,
      permissions: distinct(permissions),
      categories,
      labels,
      ...origin,
    }
    assertWithin(ctx.actor, grantOfRole(role))
    const store = roleStore(tx)
    await store.assertFree(name)
    await store.add(role, by)
    await ctx.emit(tx, between(null, role, [roleCreated(role.id, { name })]))
    return role
  })

type Named = Readonly<{ id: string; ifMatch?: readonly string[] | undefined }>

/**
 * Change a role, and with it at once the rights of whoever has it. Who changes it may themselves do all that it gives then.
 * @throws RoleNotFound (404), RoleBuiltIn, RoleNameTaken (409), PermissionUnknown (422), RightsExceeded (403)
 */
export const updateRole = ({ id, ifMatch, ...change }: Named & Omit<UpdateRole, 'id'>, ctx: Ctx): Promise<Role> =>
  ctx.transact(async (tx) => {
    const store = roleStore(tx)
    const role = await store.lock(id)
    assertIfMatch(ifMatch, String(role.revision))
    if (change.permissions) assertKnown(change.permissions, 'permissions')
    const wanted: Role = {
      ...role,
      ...(change.name !== undefined && { name: change.name }),
      ...(change.description !== undefined && { description: change.description ?? '' }),
      ...(change.permissions && { permissions: distinct(change.permissions) }),
      ...(change.categories !== undefined && { categories: change.categories }),
      ...(change.labels !== undefined && { labels: change.labels }),
    }
    if (JSON.stringify(wanted) === JSON.stringify(role)) return role
    assertWithin(ctx.actor, grantOfRole(wanted))
    const at = ctx.now()
    const next: Role = { ...wanted, updatedAt: at, revision: role.revision + 1 }
    const renamed = next.name !== role.name
    if (renamed) await store.assertFree(next.name)
    await store.save(next, at)
    if (renamed) await store.carryOver(role.name, next.name)
    await ctx.emit(tx, between(role, next, [roleUpdated(id, { name: next.name, ...(renamed && { previous: role.name }) })]))
    return next
  })

/** Remove a role: whoever has it may nothing more. @throws RoleNotFound (404), RoleBuiltIn (409) */
export const deleteRole = ({ id, ifMatch }: Named, ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    const store = roleStore(tx)
    const role = await store.lock(id)
    assertIfMatch(ifMatch, String(role.revision))
    await store.remove(id)
    await ctx.emit(tx, between(role, null, [roleDeleted(id, { name: role.name })]))
  })
