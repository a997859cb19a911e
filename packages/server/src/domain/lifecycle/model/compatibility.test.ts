import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fillVariables } from '../../prompts/model/variables.ts'
import { type Asked, differencesOf } from './compatibility.ts'

const v = (more: Partial<Asked> = {}): Asked => ({ name: 'x', type: 'string', required: true, ...more })

describe('a version breaks the callers of the one before', () => {
  test.each<[string, Asked[], Asked[], string[]]>([
    ['the same', [v()], [v()], []],
    ['a new one that is needed', [], [v()], ['required_added']],
    ['a new one with a default', [], [v({ default: 'a' })], []],
    ['a new one that is optional', [], [v({ required: false })], []],
    ['an optional one that is needed now', [v({ required: false })], [v()], ['became_required']],
    ['one that loses its default', [v({ default: 'a' })], [v()], ['became_required']],
    ['one that gets a default', [v()], [v({ default: 'a' })], []],
    ['one that becomes optional', [v()], [v({ required: false })], []],
    ['one that falls away', [v()], [], []],
    ['number to integer', [v({ type: 'number' })], [v({ type: 'integer' })], ['type_narrowed']],
    ['integer to number', [v({ type: 'integer' })], [v({ type: 'number' })], []],
    ['any to string', [v({ type: 'any' })], [v()], ['type_narrowed']],
    ['string to any', [v()], [v({ type: 'any' })], []],
    ['string to boolean', [v()], [v({ type: 'boolean' })], ['type_narrowed']],
    ['an enum where there was none', [v()], [v({ enum: ['a'] })], ['enum_narrowed']],
    ['an enum that loses a value', [v({ enum: ['a', 'b'] })], [v({ enum: ['a'] })], ['enum_narrowed']],
    ['an enum that gains one', [v({ enum: ['a'] })], [v({ enum: ['b', 'a'] })], []],
    ['an enum that goes', [v({ enum: ['a'] })], [v()], []],
    ['a schema where there was none', [v()], [v({ schema: { minLength: 2 } })], ['schema_changed']],
    ['another schema', [v({ schema: { minLength: 2 } })], [v({ schema: { minLength: 1 } })], ['schema_changed']],
    ['the same schema', [v({ schema: { minLength: 2 } })], [v({ schema: { minLength: 2 } })], []],
    ['all at once', [v({ required: false })], [v({ type: 'number', enum: [1] })], ['became_required', 'type_narrowed', 'enum_narrowed']],
  ])('%s: %o → %o: %o', (_name, before, after, kinds) => {
    const found = differencesOf(before, after)
    expect(found.map(({ kind }) => kind)).toEqual(kinds)
    for (const { variable, detail } of found) expect([variable, detail.includes('"x"')]).toEqual(['x', true])
  })
})

const types = ['string', 'number', 'integer', 'boolean', 'any'] as const
const values: Record<(typeof types)[number], fc.Arbitrary<unknown>> = {
  string: fc.constantFrom('a', 'b', 'c'),
  number: fc.constantFrom(1, 2, 2.5),
  integer: fc.constantFrom(1, 2, 3),
  boolean: fc.boolean(),
  any: fc.constantFrom('a', 1, true, null),
}
const variable = (name: string): fc.Arbitrary<Asked> =>
  fc.constantFrom(...types).chain(
    (type) =>
      fc.record({
        name: fc.constant(name),
        type: fc.constant(type),
        required: fc.boolean(),
        ...{ default: fc.option(values[type], { nil: undefined }) },
        ...{ enum: fc.option(fc.uniqueArray(values[type], { minLength: 1 }), { nil: undefined }) },
      }) as fc.Arbitrary<Asked>,
  )
/** A default that is not of the enum is refused at save. */
const isSound = ({ default: fallback, enum: allowed }: Asked) => fallback === undefined || !allowed || allowed.includes(fallback)
const variables = fc
  .tuple(variable('x').filter(isSound), variable('y').filter(isSound), fc.subarray([0, 1]))
  .map(([x, y, kept]) => kept.map((i) => [x, y][i]!))

test('where no difference is found, every call that was good is good', () => {
  const anyValue = fc.oneof(...Object.values(values), fc.constant(undefined))
  const given = fc.record({ x: anyValue, y: anyValue })
  let compatible = 0
  fc.assert(
    fc.property(variables, variables, given, (before, after, all) => {
      const known = Object.fromEntries(
        Object.entries(all).filter(([name, value]) => value !== undefined && before.some((b) => b.name === name)),
      )
      const accepts = (asked: readonly Asked[]) => {
        try {
          fillVariables(asked as never, known)
          return true
        } catch {
          return false
        }
      }
      if (!accepts(before) || differencesOf(before, after).length > 0) return
      compatible++
      expect(accepts(after)).toBe(true)
    }),
    { numRuns: 3_000 },
  )
  expect(compatible).toBeGreaterThan(50)
})
