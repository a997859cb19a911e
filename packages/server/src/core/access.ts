import { AppError } from './errors.ts'
import { Forbidden } from './problem.ts'

/** Who is calling, in which workspace, and what it may do. */
export type Principal = Readonly<{
  id: string
  workspaceId: string
  /** Permissions such as `prompts:write`; `*` is all of them. */
  permissions: ReadonlySet<string>
  instanceAdmin: boolean
}>

export const may = (principal: Principal, permission: string): boolean =>
  principal.permissions.has('*') || principal.permissions.has(permission)

/** Deny by default. @throws Forbidden (403), naming the missing permission */
export function assertMay(principal: Principal, permission: string): void {
  if (!may(principal, permission))
    throw new AppError(Forbidden, `This needs the permission "${permission}", which your key does not have.`, { members: { permission } })
}
