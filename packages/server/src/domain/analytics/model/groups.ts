import { Type } from 'typebox'
import { Nullable } from '../../../core/schemas.ts'
import type { Dimensions } from './measurement.ts'

/** What use may be told apart by. */
export const groupings = ['prompt', 'version', 'label', 'provider', 'model', 'service', 'variant', 'operation'] as const
export type Grouping = (typeof groupings)[number]
export const GroupBy = Type.Enum([...groupings], { description: 'What to tell apart' })

/** The fields that say which group it is. */
export const groupFields = {
  key: Type.String({
    description:
      'Which one: an id for a prompt, id@version for a version; empty where it was not said; `__other__` beyond the limit of series',
  }),
  name: Nullable(Type.String(), { description: 'category/name of a prompt; null for others, and where it is not known' }),
}
const otherKey = '__other__'

type Series = Dimensions & Readonly<{ promptCategory: string | null; promptName: string | null }>

/** The group of a series; undefined is what goes beyond the limit. */
export function groupOf(by: Grouping, series: Series | undefined): { key: string; name: string | null } {
  if (!series) return { key: otherKey, name: null }
  if (by !== 'prompt' && by !== 'version') return { key: series[by], name: null }
  const name = series.promptName === null ? null : `${series.promptCategory}/${series.promptName}`
  return { key: by === 'prompt' ? series.promptId : `${series.promptId}@${series.version || 'unknown'}`, name }
}
