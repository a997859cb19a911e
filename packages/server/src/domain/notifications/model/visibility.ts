import { type Limit, may, type Principal, visibleCategories } from '../../../core/access.ts'
import type { ListedEvent, LoggedEvent } from '../../../core/events.ts'

type Told = Pick<LoggedEvent, 'type' | 'data'>
export type Visibility = Readonly<{
  sees(event: Told): boolean
  /** Types that are not told at all. */
  hidden: readonly string[]
  /** Only what names none but these categories, and what concerns no prompt: these types, and own ones that name none. */
  within: Readonly<{ categories: readonly string[]; promptless: readonly string[] }> | undefined
}>

/** The categories within which all limits hold; undefined: everywhere. What is limited to labels is limited to none here. */
function categoriesOf(limits: readonly Limit[] | undefined): readonly string[] | undefined {
  if (!limits || limits.some(({ categories, labels }) => categories === undefined && labels === undefined)) return undefined
  return limits.filter(({ labels }) => labels === undefined).flatMap(({ categories = [] }) => categories)
}

const isText = (value: unknown): value is string => typeof value === 'string'

/** Every category that an event names. */
function categoriesIn({ category, previous }: Readonly<Record<string, unknown>>): string[] {
  const before = typeof previous === 'object' && previous !== null ? (previous as Record<string, unknown>).category : undefined
  return [category, before].filter(isText)
}

/**
 * Which events a caller is told of. What a permission of its own guards (keys, members, roles) only who has it; who sees
 * the prompts of certain categories only: what names a category, and none but these, and what concerns no prompt. A type
 * that is no longer declared counts as one that concerns prompts.
 */
export function visibilityOf(actor: Principal, types: readonly ListedEvent[]): Visibility {
  const hidden = types.filter(({ access }) => access !== undefined && !may(actor, access)).map(({ type }) => type)
  const own = actor.permissions.has('*') ? undefined : categoriesOf(actor.limits?.get('notifications:read'))
  const categories = both(visibleCategories(actor), own)
  if (!categories) return { hidden, within: undefined, sees: ({ type }) => !hidden.includes(type) }
  const promptless = types.filter((one) => one.promptless).map(({ type }) => type)
  const sees = ({ type, data }: Told): boolean => {
    if (hidden.includes(type)) return false
    if (promptless.includes(type)) return true
    const named = categoriesIn(data)
    return named.length === 0 ? type.startsWith('custom.') : named.every((category) => categories.includes(category))
  }
  return { hidden, within: { categories, promptless }, sees }
}

/** What is in both; undefined is everything. */
const both = (some: readonly string[] | undefined, others: readonly string[] | undefined): readonly string[] | undefined =>
  some && others ? some.filter((one) => others.includes(one)) : (some ?? others)
