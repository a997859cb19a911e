import { type AreaName, matchesPattern, type Neighbours } from './model.ts'

/** Which entries are meant; none named means all. */
export type Selection = Readonly<{ area?: AreaName | undefined; promptId?: string | undefined; pattern?: string | undefined }>

/** @returns a test of cache keys: entries of one workspace that the selection names */
export const matcher =
  (workspaceId: string, { promptId, pattern }: Selection, { describe, promptTag }: Pick<Neighbours, 'describe' | 'promptTag'>) =>
  (key: string, tags: readonly string[]): boolean => {
    if (!key.startsWith(workspaceId)) return false
    if (promptId !== undefined && !tags.includes(promptTag(workspaceId, promptId))) return false
    if (pattern === undefined) return true
    const { category, name } = describe(key)
    return category !== undefined && matchesPattern(`${category}/${name}`, pattern)
  }
