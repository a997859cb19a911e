import type { Limit, Principal } from '../../../core/access.ts'

const reading = [
  'prompts:read',
  'lifecycle:read',
  'relationships:read',
  'documents:read',
  'cache:read',
  'labels:read',
  'notifications:read',
  'abtests:read',
  'analytics:read',
] as const
const writing = [
  'prompts:write',
  'labels:write',
  'lifecycle:write',
  'relationships:write',
  'documents:write',
  'cache:write',
  'notifications:write',
  'abtests:write',
  'analytics:write',
] as const
const reviewing = ['reviews:approve'] as const
const publishing = ['labels:write_protected', 'prompts:force'] as const
const looking = [
  'workspaces:read',
  'members:read',
  'roles:read',
  'keys:read',
  'access:read',
  'audit:read',
  'webhooks:read',
  'jobs:read',
] as const
const administering = [
  'workspaces:write',
  'members:write',
  'roles:write',
  'keys:write',
  'labels:manage',
  'prompts:redact',
  'webhooks:write',
  'jobs:write',
  'policies:write',
  'policies:break_glass',
  'automations:write',
  'analytics:manage',
] as const

/** Every permission there is: what a role or a key's scopes may name, and what endpoints ask for. */
export const permissions: readonly string[] = [...reading, ...writing, ...reviewing, ...publishing, ...looking, ...administering]

/** The roles that every workspace has. Only `owner` has `*`, and with it what later versions add; so an admin cannot make one. */
export const builtInRoles: Readonly<Record<string, readonly string[]>> = {
  owner: ['*'],
  admin: permissions,
  publisher: [...reading, ...writing, ...reviewing, ...publishing],
  editor: [...reading, ...writing],
  reviewer: [...reading, 'lifecycle:write', ...reviewing],
  runner: ['prompts:read', 'analytics:write'],
  viewer: [...reading],
  auditor: [...reading, ...looking],
}

/** What a role, built in or custom, gives: permissions, limited or not. */
export type Grant = Readonly<{ permissions: readonly string[] } & Limit>

export type Rights = Pick<Principal, 'permissions' | 'limits'>

/** The permissions of a built-in role; undefined for any other name. (A role may be called "constructor".) */
export const builtInRole = (name: string): readonly string[] | undefined =>
  Object.hasOwn(builtInRoles, name) ? builtInRoles[name] : undefined

/** Grants as one set to decide by, without a query: a permission that any grant gives without a limit has none. */
export function compileRights(grants: readonly Grant[]): Rights {
  const limits = new Map<string, Limit[]>()
  const free = new Set<string>()
  for (const { permissions: given, categories, labels } of grants)
    for (const permission of given) {
      if (!categories && !labels) free.add(permission)
      else limits.set(permission, [...(limits.get(permission) ?? []), { ...(categories && { categories }), ...(labels && { labels }) }])
    }
  for (const permission of free) limits.delete(permission)
  return { permissions: new Set([...free, ...limits.keys()]), ...(limits.size > 0 && { limits }) }
}

/** A limit place by place: each category with each label; undefined is everywhere. */
const placesOf = ({ categories = [], labels = [] }: Limit): { category?: string; label?: string }[] => {
  const columns = categories.length > 0 ? categories.map((category) => ({ category })) : [{}]
  const rows = labels.length > 0 ? labels.map((label) => ({ label })) : [{}]
  return columns.flatMap((column) => rows.map((row) => ({ ...column, ...row })))
}

const covers = ({ categories, labels }: Limit, { category, label }: { category?: string; label?: string }): boolean =>
  (categories === undefined || (category !== undefined && categories.includes(category))) &&
  (labels === undefined || (label !== undefined && labels.includes(label)))

/** The permissions of a grant that go beyond what somebody has: everywhere, or in one of the places that the grant names. */
export function beyond(holder: Rights, { permissions: wanted, ...limit }: Grant): string[] {
  if (holder.permissions.has('*')) return []
  return wanted.filter((permission) => {
    if (!holder.permissions.has(permission)) return true
    const own = holder.limits?.get(permission)
    return own !== undefined && !placesOf(limit).every((place) => own.some((one) => covers(one, place)))
  })
}
