import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export type Case = Readonly<{ name: string; kind: string; inputs: object; expected: object; tolerance: number }>

const read = (file: string): Case[] => JSON.parse(readFileSync(join(import.meta.dirname, 'vectors', file), 'utf8')).cases

/** All public cases; see vectors/README.md. */
export const cases: readonly Case[] = [...read('gbstats-vectors.json'), ...read('bandit-vectors.json')]

/** Where an answer is not what was expected: wrong by more than the tolerance, missing, or not asked for. */
export function differences(actual: unknown, expected: unknown, tolerance: number, at = ''): string[] {
  if (typeof expected === 'number' && typeof actual === 'number')
    return Math.abs(actual - expected) <= tolerance ? [] : [`${at}: ${actual}, not ${expected}`]
  if (typeof expected !== 'object' || expected === null || typeof actual !== 'object' || actual === null)
    return actual === expected ? [] : [`${at}: ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`]
  return [...new Set([...Object.keys(expected), ...Object.keys(actual)])].flatMap((key) =>
    differences((actual as Record<string, unknown>)[key], (expected as Record<string, unknown>)[key], tolerance, `${at}/${key}`),
  )
}
