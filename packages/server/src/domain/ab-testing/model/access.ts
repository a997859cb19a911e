import { may, type Principal } from '../../../core/access.ts'

/** May this caller do that to a test whose control's prompt is in this category? Tests in other categories are not there for it. */
export const mayTouch = (actor: Principal, access: string, category: string): boolean => may(actor, access, { category })

/** The categories whose tests a caller may see; undefined: all. */
export function categoriesFor({ permissions, limits }: Principal, access: string): readonly string[] | undefined {
  const own = permissions.has('*') ? undefined : limits?.get(access)
  if (!own || own.some(({ categories }) => categories === undefined)) return undefined
  return [...new Set(own.flatMap(({ categories = [] }) => categories))]
}
