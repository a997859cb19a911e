import { type Static, Type } from 'typebox'
import type { Ctx } from './context.ts'
import { isAppError } from './errors.ts'
import { Problem, problemOf } from './problem.ts'
import { Strict } from './schemas.ts'

/** The answer to whoever tells one thing or many: what was taken, what was not, and what was taken otherwise than it was perhaps meant. */
export const IntakeAnswer = (things: string, codes: string, $id: string) =>
  Strict(
    {
      accepted: Type.Integer({ minimum: 0, description: `${things} that are stored now` }),
      duplicates: Type.Integer({ minimum: 0, description: `${things} whose eventId was taken before` }),
      errors: Type.Optional(
        Type.Array(Strict({ index: Type.Integer(), problem: Problem }), { description: `${things} that were not taken` }),
      ),
      warnings: Type.Optional(Type.Array(Warning(codes), { description: 'What was taken otherwise than it was perhaps meant' })),
    },
    { $id },
  )
export type IntakeAnswer = Static<ReturnType<typeof IntakeAnswer>>

const Warning = (codes: string) =>
  Strict({
    code: Type.String({ description: codes }),
    detail: Type.String({ description: 'What was met and what was done with it' }),
    count: Type.Integer({ minimum: 1, description: 'How many this is about' }),
    indexes: Type.Array(Type.Integer(), { description: 'The first 10 of them' }),
  })
type Warning = Static<ReturnType<typeof Warning>>

const [mostWarnings, mostIndexes] = [100, 10]

export type Intake = Readonly<{
  /** What was told, one or many. */
  values: readonly unknown[]
  /** Do something for one of many: undefined where it is refused, which is noted. What is wrong with a single one is thrown. */
  attempt<T>(index: number, work: () => T): T | undefined
  /** The same warning is told once, with what it is about. */
  warn(index: number, warning: Readonly<{ code: string; detail: string }>): void
  answer(accepted: number, duplicates: number): IntakeAnswer
}>

/**
 * Take one thing or `{ items }` of many, each by itself, so that one which is wrong does not spoil its neighbours.
 * @param instance the path that problems name
 */
export function startIntake(body: Readonly<Record<string, unknown>>, instance: string, ctx: Ctx): Intake {
  const many = Array.isArray(body.items) ? body.items : undefined
  const errors: NonNullable<IntakeAnswer['errors']> = []
  const warnings = new Map<string, Warning>()
  return {
    values: many ?? [body],
    attempt(index, work) {
      try {
        return work()
      } catch (error) {
        if (!many || !isAppError(error)) throw error
        errors.push({ index, problem: problemOf(error, { instance, requestId: ctx.requestId }) })
        return undefined
      }
    },
    warn(index, { code, detail }) {
      const warning = warnings.get(detail)
      if (warning) {
        warning.count++
        if (warning.indexes.length < mostIndexes) warning.indexes.push(index)
      } else if (warnings.size < mostWarnings) warnings.set(detail, { code, detail, count: 1, indexes: [index] })
    },
    answer: (accepted, duplicates) => ({
      accepted,
      duplicates,
      ...(errors.length > 0 && { errors: errors.toSorted((a, b) => a.index - b.index) }),
      ...(warnings.size > 0 && { warnings: [...warnings.values()] }),
    }),
  }
}

export const unknownField = (name: string) => ({
  code: 'field.unknown',
  detail: `The field "${name.slice(0, 200)}" is not known here and was kept in metadata. Check its spelling.`,
})
