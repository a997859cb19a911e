import { type Finder, finderOf } from './analysis.ts'
import type { Highlight } from './shapes.ts'

/** Characters on each side of a match, how many pieces of a content, and how much of it is looked through. */
const around = 60
const maxPieces = 3
const lookedThrough = 30_000

type Range = Readonly<{ start: number; end: number }>
type Field = Highlight['field']

export type Highlightable = Readonly<{
  name: string
  description: string
  tags: readonly string[]
  content: string
  variables: readonly { name: string; description?: string | undefined }[]
}>

/** Where a prompt has the terms: short fields whole, long ones in pieces. @param terms as the index has them */
export function highlightsOf(prompt: Highlightable, terms: ReadonlySet<string>): Highlight[] {
  if (terms.size === 0) return []
  const find = finderOf(terms)
  const whole = (field: Field, text: string): Highlight[] => {
    const ranges = matches(find(text), 20)
    return ranges.length > 0 ? [{ field, text, ranges }] : []
  }
  return [
    ...whole('name', prompt.name),
    ...prompt.tags.flatMap((tag) => whole('tags', tag)),
    ...prompt.variables
      .flatMap(({ name, description }) => [...whole('variables', name), ...whole('variables', description ?? '')])
      .slice(0, 3),
    ...pieces('description', prompt.description, find),
    ...pieces('content', prompt.content.slice(0, lookedThrough), find),
  ]
}

/** The first ranges that match, in order, overlapping ones as one. */
function matches(tokens: Iterable<Range>, limit: number): Range[] {
  const found: { start: number; end: number }[] = []
  for (const { start, end } of tokens) {
    const last = found.at(-1)
    if (last && start <= last.end) last.end = Math.max(last.end, end)
    else if (found.push({ start, end }) >= limit) break
  }
  return found
}

function pieces(field: Field, text: string, find: Finder): Highlight[] {
  const groups: Range[][] = []
  for (const range of matches(find(text), 12)) {
    const group = groups.at(-1)
    if (group && range.end - group[0]!.start <= 2 * around) group.push(range)
    else if (groups.length < maxPieces) groups.push([range])
    else break
  }
  return groups.map((group) => {
    const from = edge(text, Math.max(0, group[0]!.start - around), group[0]!.start, 1)
    const to = edge(text, Math.min(text.length, group.at(-1)!.end + around), group.at(-1)!.end, -1)
    return { field, text: text.slice(from, to), ranges: group.map(({ start, end }) => ({ start: start - from, end: end - from })) }
  })
}

/** A place to cut: at a blank between `at` and the match, where there is one; never inside a surrogate pair. */
function edge(text: string, at: number, match: number, step: 1 | -1): number {
  if (at === 0 || at === text.length) return at
  for (let i = at; i !== match; i += step) if (/\s/.test(text[i]!)) return step === 1 ? i + 1 : i
  const isLow = (text.charCodeAt(at) & 0xfc00) === 0xdc00
  return isLow ? at + step : at
}
