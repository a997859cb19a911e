import type { Ctx } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import type { Searchable } from './model/weights.ts'

export type PromptKey = Readonly<{ workspaceId: string; id: string }>

/** A live prompt as the index sees it. */
export type Source = PromptKey &
  Searchable &
  Readonly<{
    revision: number
    status: string
    author: string
    isTemplate: boolean
    labels: readonly string[]
    updatedAt: string
  }>

/** What search asks of prompts, which it does not know. `F`: what a list shows of one. */
export type Neighbours<F> = Readonly<{
  /** Live prompts among these keys. @param db across workspaces */
  sources(db: Db, keys: readonly PromptKey[]): Promise<Source[]>
  /** Keys of all prompts there ever were, in a fixed order. @param db across workspaces */
  keys(db: Db, after: PromptKey | undefined, limit: number): Promise<PromptKey[]>
  /** Live prompts of the caller's workspace that the caller may see, in the order of the ids, with what was searched. */
  find(ids: readonly string[], ctx: Ctx): Promise<readonly (Pick<Searchable, 'variables'> & { item: F; text: string })[]>
}>
