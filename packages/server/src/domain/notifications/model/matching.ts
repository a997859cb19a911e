import { AppError } from '../../../core/errors.ts'
import { fitsType } from '../../../core/events.ts'
import { EventTypeUnknown } from './webhook-failures.ts'

/** Told by the service for itself; nothing that a receiver could use. */
const internal = ['cache.invalidated', 'search.rebuild_requested']

/** Does a type of event fit one of the patterns: an exact type, `prefix.*`, or `*`? */
export const matchesPattern = (patterns: readonly string[], type: string): boolean =>
  !internal.includes(type) && (patterns.includes('*') || fitsType(patterns, type))

/**
 * Refuse types that nothing ever tells. `custom.…` is whatever a workspace triggers.
 * @param known all types there are
 * @throws EventTypeUnknown (422) with a hint
 */
export function assertKnownTypes(patterns: readonly string[], known: readonly string[]): void {
  const errors = patterns.flatMap((pattern, i) => {
    if (isKnown(pattern, known)) return []
    const near = nearest(pattern, known)
    const hint = near ? ` Did you mean "${near}"?` : ` There are ${known.slice(0, 8).join(', ')} and others, custom.*, and * for all.`
    return [{ pointer: `/events/${i}`, code: EventTypeUnknown.code, detail: `There is no event of the type "${pattern}".${hint}` }]
  })
  if (errors[0]) throw new AppError(EventTypeUnknown, errors[0].detail, { errors })
}

const isKnown = (pattern: string, known: readonly string[]): boolean =>
  pattern === '*' || pattern.startsWith('custom.') || known.some((type) => matchesPattern([pattern], type))

/** The known type with the fewest edits, when that are few. */
function nearest(pattern: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((type) => ({ type, edits: distance(pattern, type) }))
    .filter(({ edits }) => edits <= 4)
    .sort((a, b) => a.edits - b.edits)
  return best?.type
}

/** Levenshtein: how many letters to put in, take out or change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
