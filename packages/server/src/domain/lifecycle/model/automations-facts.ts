/** What a condition may name, with what it says: the one list that checking, evaluating and the documentation read. */
export const conditionVariables = {
  status: 'draft, review, published, deprecated or archived',
  category: 'its category',
  name: 'its name',
  tags: 'its tags, a list',
  isTemplate: 'whether it is meant for forking and including',
  ageDays: 'days since it was made',
  statusAgeDays: 'days since its status changed; since it was made, when it never did',
  daysSinceChange: 'days since anything of it was changed, status and labels too',
  daysSinceUse: 'days since it was last served; null: never since use is watched',
  unusedDays: 'days for which it is known not to have been served: daysSinceUse, or else watchedDays',
  watchedDays: 'days for which its use has been watched',
  versions: 'how many versions it has; the number of the newest',
  labels: 'a map from label to version: "production" in labels, labels.production',
  includedBy: 'how many other prompts include it',
  metadata: 'its metadata',
} as const

export type ConditionFacts = Readonly<Record<keyof typeof conditionVariables, unknown>>

/** A prompt as rules see it. Times are RFC 3339. */
export type Examined = Readonly<{
  status: string
  category: string
  name: string
  tags: readonly string[]
  isTemplate: boolean
  metadata: Readonly<Record<string, unknown>>
  versions: number
  labels: Readonly<Record<string, number>>
  includedBy: number
  createdAt: string
  updatedAt: string
  lastServedAt: string | null
  watchedSince: string
}>

const dayMs = 86_400_000

/** Whole days from one moment to another; 0 when a clock was set back. */
const daysBetween = (from: string, to: string): number => Math.max(0, Math.floor((Date.parse(to) - Date.parse(from)) / dayMs))

/**
 * What a condition is evaluated with.
 * @param statusMovedAt when its status changed last; undefined: never
 * @param now RFC 3339
 */
export function factsOf(prompt: Examined, statusMovedAt: string | undefined, now: string): ConditionFacts {
  const { status, category, name, tags, isTemplate, metadata, versions, labels, includedBy, createdAt, lastServedAt } = prompt
  const watchedFrom = createdAt > prompt.watchedSince ? createdAt : prompt.watchedSince
  const watchedDays = daysBetween(watchedFrom, now)
  const daysSinceUse = lastServedAt === null ? null : daysBetween(lastServedAt, now)
  return {
    status,
    category,
    name,
    tags,
    isTemplate,
    ageDays: daysBetween(createdAt, now),
    statusAgeDays: daysBetween(statusMovedAt ?? createdAt, now),
    daysSinceChange: daysBetween(prompt.updatedAt, now),
    daysSinceUse,
    unusedDays: daysSinceUse ?? watchedDays,
    watchedDays,
    versions,
    labels,
    includedBy,
    metadata,
  }
}

/** Whether a condition may read the metadata, which can be large. */
export const readsMetadata = (condition: string): boolean => condition.includes('metadata')
