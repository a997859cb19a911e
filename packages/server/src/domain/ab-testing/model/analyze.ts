import { Type } from 'typebox'
import { Strict } from '../../../core/schemas.ts'
import { unusable } from './failures.ts'
import { bandits } from './kinds/bandits.ts'
import { comparisons } from './kinds/comparisons.ts'
import { families } from './kinds/families.ts'
import type { Kind } from './kinds/kind.ts'
import { plans } from './kinds/plans.ts'
import { dependingOn } from './schemas.ts'

/** Every analysis there is, by its name. */
export const kinds: Readonly<Record<string, Kind>> = { ...comparisons, ...families, ...plans, ...bandits }

export const Analysis = Strict(
  {
    kind: Type.String({ enum: Object.keys(kinds), description: 'Which analysis' }),
    inputs: Type.Unsafe<object>({ type: 'object', additionalProperties: true, description: 'Its figures; which ones depends on the kind' }),
  },
  {
    allOf: dependingOn(
      'kind',
      Object.entries(kinds).map(([name, { inputs }]) => [name, { properties: { inputs } }]),
    ),
  },
)

/**
 * Analyse figures that fit the schema of their kind. What is infinite is told as "Infinity" or "-Infinity", which JSON
 * numbers cannot say.
 * @throws FiguresUnusable (422) for figures from which nothing follows
 */
export function analyze({ kind, inputs }: Readonly<{ kind: string; inputs: object }>): Record<string, unknown> {
  const result = kinds[kind]!.run(inputs)
  return toWire(result) as Record<string, unknown>
}

function toWire(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toWire)
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, toWire(v)]))
  if (typeof value !== 'number' || Number.isFinite(value)) return value
  if (Number.isNaN(value))
    throw unusable('/inputs', 'These figures are too large, too small or too far apart to be computed with. Rescale the metric.')
  return value > 0 ? 'Infinity' : '-Infinity'
}
