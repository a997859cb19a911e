import { Drop } from 'liquidjs'
import { RenderLimit } from '../errors.ts'
import { spend, textOf } from '../run.ts'
import type { Run } from '../types.ts'

/** Deeper values are refused: filters walk values recursively. */
const maxDepth = 100

/**
 * A copy of a value that liquid may have: JSON data only, as liquidjs calls functions that it finds, and as tags and
 * filters must not reach what the caller holds. Throws `RenderLimit` for values too deep or too large.
 */
export const cleaned = (value: unknown, run: Run, depth = 0): unknown => {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return typeof value === 'function' || typeof value === 'symbol' ? undefined : value
  if (depth > maxDepth) throw new RenderLimit(`a value is nested deeper than ${maxDepth}`)
  spend(run, Array.isArray(value) ? 1 + value.length / 8 : 1)
  if (Array.isArray(value)) return Array.from(value, (item) => cleaned(item, run, depth + 1))
  const copy: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) if (name !== '__proto__') copy[name] = cleaned(member, run, depth + 1)
  return copy
}

/** Charge memory. Throws `RenderLimit` when there is none left. */
export const useMemory = (run: Run, amount: number): void => {
  if (amount > 0) run.memory -= amount
  if (run.memory < 0) throw new RenderLimit(`liquid filters and captures make more than ${run.limits.liquidMemory} characters and elements`)
}

/**
 * Charge for a list or object that a filter made, down to its leaves. Lists that hold a list twice, that holds a list
 * twice, … are small in memory and without end when written; counting them as written keeps every later step finite.
 */
export const weigh = (value: unknown, run: Run, depth = 0): void => {
  if (typeof value === 'string' && depth > 0) useMemory(run, value.length)
  if (typeof value !== 'object' || value === null || value instanceof Drop) return
  if (depth > maxDepth * 2) throw new RenderLimit(`a value is nested deeper than ${maxDepth * 2}`)
  const members = Array.isArray(value) ? value : Object.values(value)
  useMemory(run, members.length + 1)
  for (const member of members) weigh(member, run, depth + 1)
}

/** A value as liquid writes it: lists joined without a separator, objects as JSON, helper objects such as `forloop` not at all. */
export const liquidText = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(liquidText).join('')
  return value instanceof Drop ? '' : textOf(value)
}
