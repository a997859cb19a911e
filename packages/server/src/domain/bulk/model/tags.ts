import { AppError } from '../../../core/errors.ts'
import { unprocessable } from '../../../core/problem.ts'
import { TagsUnclear, TooManyTags } from './failures.ts'
import type { Options } from './operation.ts'

/** Most tags of one prompt, as for a single call. */
const maxTags = 100

/** The tags of a prompt after the change. @throws TooManyTags (422) */
export function changedTags(tags: readonly string[], { add = [], remove = [], set }: Options): string[] {
  const next = set ? [...new Set(set)] : [...new Set([...tags.filter((tag) => !remove.includes(tag)), ...add])]
  if (next.length > maxTags)
    throw new AppError(TooManyTags, `The prompt would have ${next.length} tags; ${maxTags} are taken. Remove some in the same operation.`)
  return next
}

/** @throws TagsUnclear (422) unless tags are either set or added and removed, none of them both, of prompts named in one way */
export function assertClear({ add, remove, set, promptIds, filter }: Options & { promptIds?: unknown; filter?: unknown }): void {
  const refuse = (pointer: string, detail: string) => {
    throw unprocessable(TagsUnclear, pointer, 'bulk.tags_unclear', detail)
  }
  if ((promptIds === undefined) === (filter === undefined))
    refuse('/promptIds', 'Name the prompts by `promptIds` or by a `filter`: one of the two.')
  if (!set && !add?.length && !remove?.length) refuse('/add', 'Say which tags to `add`, to `remove`, or to `set` in place of all.')
  if (set && (add || remove)) refuse('/set', '`set` replaces all tags and cannot stand beside `add` or `remove`.')
  const both = add?.find((tag) => remove?.includes(tag))
  if (both !== undefined) refuse('/remove', `The tag "${both}" cannot be added and removed.`)
}
