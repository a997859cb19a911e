import { AppError } from './errors.ts'
import { Forbidden } from './problem.ts'

/** Where a permission holds, when it does not hold everywhere; a field that is absent limits nothing. */
export type Limit = Readonly<{ categories?: readonly string[]; labels?: readonly string[] }>

/** Who is calling, in which workspace, and what it may do. */
export type Principal = Readonly<{
  id: string
  workspaceId: string
  /** Permissions such as `prompts:write`; `*` is all of them. */
  permissions: ReadonlySet<string>
  /** Permissions that hold only where one of their limits fits. */
  limits?: ReadonlyMap<string, readonly Limit[]>
  /** Names of the roles it has; none for a key that was given scopes. */
  roles?: readonly string[]
  instanceAdmin: boolean
}>

/** What a permission is asked for. `label: null` is a version that no label was asked for; an absent field is not concerned. */
export type On = Readonly<{ category?: string; label?: string | null }>

const fits = ({ categories, labels }: Limit, on: On): boolean =>
  (categories === undefined || on.category === undefined || categories.includes(on.category)) &&
  (labels === undefined || on.label === undefined || (on.label !== null && labels.includes(on.label)))

/** May this principal do that, there? Without `on`: may it do that anywhere? */
export function may(principal: Principal, permission: string, on?: On): boolean {
  if (!principal.permissions.has('*') && !principal.permissions.has(permission)) return false
  const limits = on && principal.limits?.get(permission)
  return !limits || limits.some((limit) => fits(limit, on))
}

/** Deny by default. @throws Forbidden (403), naming the missing permission */
export function assertMay(principal: Principal, permission: string, on?: On): void {
  if (may(principal, permission, on)) return
  const where = may(principal, permission) ? ' for this: you have it for other categories or labels only' : ''
  throw new AppError(Forbidden, `This needs the permission "${permission}", which your key does not have${where}.`, {
    members: { permission },
  })
}

/** @throws Forbidden (403) */
export function assertInstanceAdmin({ instanceAdmin }: Principal): void {
  if (!instanceAdmin) throw new AppError(Forbidden, 'This is for administrators of the installation, such as the bootstrap key.')
}

/**
 * The categories whose prompts a principal may see with all their versions; undefined: all of them. Who may read by
 * certain labels only does not see prompts that way: such a caller is served them.
 */
export function visibleCategories({ permissions, limits }: Principal): readonly string[] | undefined {
  const reading = permissions.has('*') ? undefined : limits?.get('prompts:read')?.filter(({ labels }) => labels === undefined)
  if (!reading || reading.some(({ categories }) => categories === undefined)) return undefined
  return [...new Set(reading.flatMap(({ categories = [] }) => categories))]
}

/** May this principal see the prompts of a category? Commands ask: their transactions hide nothing by themselves. */
export const sees = (principal: Principal, category: string): boolean => visibleCategories(principal)?.includes(category) ?? true

/**
 * What spans all categories is no business of who sees some of them.
 * @param why what it spans, as the beginning of a sentence
 * @throws Forbidden (403)
 */
export function assertUnlimited(principal: Principal, permission: string, why: string): void {
  if (visibleCategories(principal) === undefined && !principal.limits?.has(permission)) return
  throw new AppError(Forbidden, `${why}, and your rights hold for some: this needs "${permission}" without a limit.`, {
    members: { permission },
  })
}
