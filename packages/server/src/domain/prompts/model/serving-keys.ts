import type { FeedEvent } from '../../../core/events.ts'
import { defaultLabel } from './labels.ts'

/** Which prompt is to be served: by name or by id, by label (production unless told) or by version. */
export type Wanted = Readonly<
  | { category: string; name: string; label?: string | undefined; version?: number | undefined }
  | { id: string; label?: string | undefined; version?: number | undefined }
>

export const labelOf = ({ label, version }: Wanted): string | undefined => (version === undefined ? (label ?? defaultLabel) : undefined)

const which = (wanted: Wanted): string => (wanted.version === undefined ? `@${wanted.label ?? defaultLabel}` : `#${wanted.version}`)

/** The cache key of what is wanted. Parts hold no control characters, so a newline separates them. */
export const servedKey = (workspaceId: string, wanted: Wanted): string =>
  'id' in wanted ? `${workspaceId}\n${wanted.id}\n${which(wanted)}` : `${workspaceId}\n${wanted.category}\n${wanted.name}\n${which(wanted)}`

export const promptTag = (workspaceId: string, promptId: string): string => `p ${workspaceId} ${promptId}`
export const nameTag = (workspaceId: string, category: string, name: string): string => `n ${workspaceId} ${category}\n${name}`

/** What a cached answer was made for: as it was asked for, and the names that its tags hold. */
export function describeKey(
  key: string,
  tags: readonly string[] = [],
): { workspaceId: string; names: { category: string; name: string }[] } {
  const [workspaceId = ''] = key.split('\n', 1)
  const prefix = nameTag(workspaceId, '', '').slice(0, -1)
  const names = tags.filter((tag) => tag.startsWith(prefix)).map((tag) => tag.slice(prefix.length).split('\n'))
  return { workspaceId, names: names.map(([category = '', name = '']) => ({ category, name })) }
}

/** What an event of the feed evicts: whatever was made of its prompt, and what was (not) found under its names. */
export function tagsOf({ workspaceId, subject, type, data }: FeedEvent): string[] {
  if (!type.startsWith('prompt.')) return []
  const { category, name, previous } = data as { category?: string; name?: string; previous?: { category: string; name: string } }
  return [
    promptTag(workspaceId, subject),
    ...(category !== undefined && name !== undefined ? [nameTag(workspaceId, category, name)] : []),
    ...(previous ? [nameTag(workspaceId, previous.category, previous.name)] : []),
  ]
}
