import { isDeepStrictEqual } from 'node:util'
import { type TOptional, type TSchema, type TUnsafe, Type } from 'typebox'
import { AppError, type FieldError } from './errors.ts'
import { FieldReadOnly } from './problem.ts'

type Fields<N extends string> = { [K in N]: TOptional<TUnsafe<unknown>> }

/** Read-only fields as the body of a PUT takes them, so that what was read can be edited and sent back. */
export const sentBack = <N extends string>(properties: Readonly<Record<N, TSchema>>, names: readonly N[]): Fields<N> =>
  Object.fromEntries(
    names.map((name) => [
      name,
      Type.Optional(Type.Unsafe<unknown>({ ...properties[name], description: 'Read-only: leave it out or send it back as it was' })),
    ]),
  ) as Fields<N>

/** These change with every change: in a body that was read before the last one they are old, not wrong. */
const moving: readonly string[] = ['revision', 'updatedAt', 'updatedBy']

type State = Readonly<{ revision: number }>
type Sent = Readonly<Record<string, unknown>>

/**
 * Look at the read-only fields of a body, if it has any.
 * @param read gives the resource as it is now
 * @throws FieldReadOnly (422) naming each field that was sent with another value than it has
 */
export async function assertSentBack(read: () => Promise<State>, sent: object, names: readonly string[]): Promise<void> {
  const body = sent as Sent
  const given = names.filter((name) => body[name] !== undefined)
  if (given.length === 0) return
  const state = await read()
  const isOld = Number(body.revision) < state.revision
  const errors: FieldError[] = given
    .filter((name) => !(isOld && moving.includes(name)) && !isDeepStrictEqual(body[name], (state as unknown as Sent)[name]))
    .map((name) => ({
      pointer: `/${name}`,
      code: 'field.read_only',
      detail: `"${name}" cannot be changed; leave it out, or send it back as it was read.`,
    }))
  if (errors.length > 0) throw new AppError(FieldReadOnly, errors.map(({ detail }) => detail).join(' '), { errors })
}
