import { type Static, Type } from 'typebox'
import { Problem } from '../../../core/problem.ts'
import { Strict } from '../../../core/schemas.ts'

const Warning = Strict({
  code: Type.String({ description: 'field.unknown or model.unknown' }),
  detail: Type.String({ description: 'What was met and what was done with it' }),
  count: Type.Integer({ minimum: 1, description: 'How many events this is about' }),
  indexes: Type.Array(Type.Integer(), { description: 'The first 10 of them' }),
})

export const Recorded = Strict({
  accepted: Type.Integer({ minimum: 0, description: 'Events that are stored now' }),
  duplicates: Type.Integer({ minimum: 0, description: 'Events whose eventId was taken before' }),
  errors: Type.Optional(Type.Array(Strict({ index: Type.Integer(), problem: Problem }), { description: 'Events that were not taken' })),
  warnings: Type.Optional(Type.Array(Warning, { description: 'What was taken otherwise than it was perhaps meant' })),
})
export type Recorded = Static<typeof Recorded>

const [mostWarnings, mostIndexes] = [100, 10]

/** Warnings of many events: the same one once, with the events that it is about. */
export function startWarnings() {
  const warnings = new Map<string, Static<typeof Warning>>()
  const add = (index: number, code: string, detail: string) => {
    const warning = warnings.get(detail)
    if (warning) {
      warning.count++
      if (warning.indexes.length < mostIndexes) warning.indexes.push(index)
    } else if (warnings.size < mostWarnings) warnings.set(detail, { code, detail, count: 1, indexes: [index] })
  }
  return {
    unknownField: (index: number, name: string) =>
      add(index, 'field.unknown', `The field "${name.slice(0, 200)}" is not known here and was kept in metadata. Check its spelling.`),
    unknownModel: (index: number, { provider, model }: { provider: string; model: string }) =>
      add(
        index,
        'model.unknown',
        `No price is known of ${provider}/${model}: the cost is left open. Send costUsd, or set a price with PUT /analytics/prices.`,
      ),
    told: () => [...warnings.values()],
  }
}
