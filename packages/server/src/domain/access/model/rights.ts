import { AppError, type FieldError } from '../../../core/errors.ts'
import { unprocessable } from '../../../core/problem.ts'
import { PermissionUnknown, RightsExceeded } from './failures.ts'
import { beyond, builtInRole, type Grant, permissions, type Rights } from './roles.ts'

/** What somebody's rights come from: a role by its name, or scopes; `custom` is that role when it is not a built-in one. */
export type Binding = Readonly<{ role: string | null; scopes: readonly string[]; custom: Grant | null }>

/** What a binding gives. A role that is no more gives nothing. */
export function grantOf({ role, scopes, custom }: Binding): Grant {
  if (role === null) return { permissions: scopes }
  const builtIn = builtInRole(role)
  return builtIn ? { permissions: builtIn } : (custom ?? { permissions: [] })
}

/** @throws RightsExceeded (403), naming what the caller lacks itself */
export function assertWithin(actor: Rights, grant: Grant): void {
  const missing = beyond(actor, grant)
  if (missing.length > 0)
    throw new AppError(RightsExceeded, `Your own rights do not hold ${missing.map((p) => `"${p}"`).join(', ')} in all these places.`, {
      members: { missing },
    })
}

/** @throws PermissionUnknown (422) */
export function assertKnownPermission(permission: string): void {
  if (!permissions.includes(permission))
    throw unprocessable(PermissionUnknown, '/permission', 'permission.unknown', `Known permissions: ${permissions.join(', ')}.`)
}

/** @throws PermissionUnknown (422) with a pointer to each */
export function assertKnown(wanted: readonly string[], field: string, { all = false } = {}): void {
  const errors: FieldError[] = wanted.flatMap((permission, i) =>
    permissions.includes(permission) || (all && permission === '*')
      ? []
      : [{ pointer: `/${field}/${i}`, code: 'permission.unknown', detail: `There is no permission "${permission}".` }],
  )
  if (errors.length > 0) throw new AppError(PermissionUnknown, `Known permissions: ${permissions.join(', ')}.`, { errors })
}
