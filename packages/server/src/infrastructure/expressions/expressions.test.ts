import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { isAppError } from '../../core/errors.ts'
import { ExpressionInvalid } from '../../core/expressions.ts'
import { createEvaluator } from './evaluator.ts'
import { createExpressions } from './index.ts'
import { pack } from './pack.ts'
import type { Packed } from './tasks.ts'
import { violationOf } from './violation.ts'

// A shared machine may be slow; what is slow on purpose takes seconds.
const engine = createExpressions({ timeoutMs: 400 })
afterAll(() => engine.close())
/** What the thread does, without a thread. */
const evaluateHere = createEvaluator()

const event = {
  type: 'prompt.label_moved',
  data: {
    version: 3,
    rate: 0.97,
    whole: 1,
    big: 2 ** 53,
    negative: -7,
    label: 'production',
    missing: null,
    labels: ['production', 'beta'],
    matrix: [[1, 2], [3]],
    constructor: { name: 'Object' },
    'odd key': true,
    at: '2026-03-01T10:00:00Z',
  },
  now: new Date('2026-03-02T10:00:00Z'),
}

describe('evaluating', () => {
  test.each<[string, boolean]>([
    ['true', true],
    ['data.version == 3', true],
    ['data.version == 3.0', true],
    ['data.version + 1 > 3', true],
    ['data.version + 1 == 4', true],
    ['data.version % 2 == 1', true],
    ['data.version / 2 == 1', true],
    ['data.version >= 2.5', true],
    ['data.version in [1, 2, 3]', true],
    ['data.negative == -7 && -data.negative == 7', true],
    ['data.rate >= 0.5', true],
    ['data.rate < 1', true],
    ['data.rate * 100 > 95', true],
    ['100 * data.rate > 95', true],
    ['data.whole * 0.5 == 0.5', true],
    ['data.whole + data.rate > 1.9', true],
    ['data.whole - 0.5 == 0.5 && 0.5 - data.whole == -0.5', true],
    ['data.version / 2.0 == 1.5 && 1.5 / data.version == 0.5', true],
    ['type(data.version) == int && type(data.rate) == double', true],
    ['type(data.big) == double', true],
    ['data.matrix[0][1] == 2', true],
    ['data.matrix.exists(row, row.exists(cell, cell == 3))', true],
    ['data.label == "production"', true],
    ["data.label.startsWith('prod') && data.label.endsWith('tion')", true],
    ['data.label.matches("^prod.*n$")', true],
    ['data.label.contains("xyz")', false],
    ['data.label.upperAscii() == "PRODUCTION"', true],
    ['data.label.split("d").join("-") == "pro-uction"', true],
    ['data.label.replace("duct", "ject").indexOf("ject") == 3', true],
    ['"beta" in data.labels && size(data.labels) == 2', true],
    ['data.labels.filter(l, l != "beta") == ["production"]', true],
    ['data.labels.map(l, size(l)) == [10, 4]', true],
    ['data.labels.exists_one(l, l == "beta")', true],
    ['has(data.label) && !has(data.nothing)', true],
    ['data.missing == null', true],
    ['has(data.missing) || "missing" in data', false],
    ['data["odd key"]', true],
    ['data.constructor.name == "Object"', true],
    ['type == "prompt.label_moved"', true],
    ['timestamp(data.at) < now', true],
    ['now - timestamp(data.at) == duration("24h")', true],
    ['now.getFullYear() == 2026', true],
    ['data.nothing == 1 || true', true],
    ['false && data.nothing == 1', false],
    ['data.version == "3"', false],
  ])('%s is %s', async (source, value) => {
    expect(await engine.evaluate(source, event)).toEqual({ value })
    expect(evaluateHere({ ...(pack(event) as Packed), sources: [source] }, () => undefined)).toEqual([{ value }])
  })

  test.each<[string, string, RegExp]>([
    ['data.nothing == 1', 'error', /nothing/],
    ['data.label.first == 1', 'error', /first/],
    ['nobody == 1', 'error', /./],
    ['toString == 1', 'error', /unresolved/],
    ['data.label + 1 == 2', 'error', /no matching overload/],
    ['data.version / 0 == 1', 'error', /zero/],
    ['data.labels[7] == ""', 'error', /./],
    ['data.label.matches("(")', 'error', /missing closing/],
    ['timestamp(data.label) < now', 'error', /timestamp/],
    ['9223372036854775807 + data.version > 0', 'error', /overflow/],
    ['unknown(1)', 'error', /unknown/],
    ['data.version ==', 'error', /found =/],
    ['data.version', 'not_boolean', /compare/],
    ['data.missing', 'not_boolean', /compare/],
    ['data.labels', 'not_boolean', /compare/],
  ])('%s has no answer: %s', async (source, failed, detail) => {
    const outcome = { failed, detail: expect.stringMatching(detail) }
    expect(await engine.evaluate(source, event)).toEqual(outcome)
    expect(evaluateHere({ ...(pack(event) as Packed), sources: [source] }, () => undefined)).toEqual([outcome])
  })

  test('many at once have one outcome each, in their order, whether or not some are the same', async () => {
    const sources = Array.from({ length: 300 }, (_, i) => `data.version == ${i % 150}`)
    const outcomes = await engine.evaluateAll([...sources, 'data.x == 1', 'data'], event)
    expect(outcomes.slice(0, 300).map(({ value }) => value)).toEqual(sources.map((_, i) => i % 150 === 3))
    expect(outcomes.slice(300).map(({ failed }) => failed)).toEqual(['error', 'not_boolean'])
    expect(await engine.evaluateAll([], event)).toEqual([])
  })

  test('bindings of one call are not those of the next', async () => {
    const ask = (version: number, now?: Date) =>
      engine.evaluate('data.version == 1 && (now == 1 || now < timestamp("2026-01-01T00:00:00Z"))', { data: { version }, now: now ?? 1 })
    const asked = [ask(1), ask(2), ask(1, new Date('2025-01-01')), ask(1, new Date('2027-01-01')), ask(1)]
    expect((await Promise.all(asked)).map(({ value }) => value)).toEqual([true, false, true, false, true])
  })

  const circular: Record<string, unknown> = {}
  circular.self = circular
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['too large', { data: 'x'.repeat(1_000_001) }, /larger than 1000000 bytes/],
    ['circular', { data: circular }, /not JSON/],
    ['a bigint', { data: 1n }, /not JSON/],
    ['a date that is none', { now: new Date('never') }, /not JSON/],
    ['deeper than can be read', { data: JSON.parse('['.repeat(5_000) + ']'.repeat(5_000)) }, /./],
  ])('data that is %s is an outcome', async (_what, bindings, detail) =>
    expect(await engine.evaluateAll(['true == 1', 'data == 1'], bindings)).toEqual(
      Array(2).fill({ failed: 'error', detail: expect.stringMatching(detail) }),
    ),
  )

  test.each(['{},', '{"":0},', '"",', '[],', '1,'])('data that is just not too large is read, if it is of %s alone', async (part) => {
    const data = JSON.parse(`[${part.repeat(Math.floor(999_900 / part.length)).slice(0, -1)}]`)
    expect(await engine.evaluateAll(['size(data) > 1000', 'data == []'], { data })).toEqual([{ value: true }, { value: false }])
  })

  test('whatever JSON is bound, there is an outcome and no exception', async () => {
    const sources = [
      'data == 1',
      'data.a > 1',
      'has(data.a)',
      'data.all(x, x == 1)',
      'data.size() > 0',
      'data[0] == data["0"]',
      'data.contains(data)',
      '!data',
      'data + 1 == data * 0.5',
      'data < data',
    ]
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 4 }), async (data) => {
        const outcomes = await engine.evaluateAll(sources, { data })
        expect(outcomes.length).toBe(sources.length)
        for (const { value, failed } of outcomes)
          expect(typeof value === 'boolean' || failed === 'error' || failed === 'not_boolean').toBe(true)
        const compared = await engine.evaluate('data == given', { data, given: data })
        expect(compared).toEqual({ value: true })
      }),
      { numRuns: 150 },
    )
  })
})

describe('checking', () => {
  const shape = { variables: ['type', 'data', 'now'], pointer: '/filter' }
  const nested = (n: number) => `${'data.xs.all(x, '.repeat(n)}true${')'.repeat(n)}`

  test.each([
    'data.version == 3 && type.startsWith("prompt.")',
    'data.xs.all(x, data.ys.exists(y, x == y)) && data.zs.exists(z, z == 1)',
    'data.xs.filter(x, x > 1).map(x, x * 2).exists(x, x > 4)',
    '.data.version == 1',
    'type(data.version) == int',
    'data.label.matches("^a+$")',
    'has(data.label) ? data.label == "a" : data.rate * 2 > 1.0',
    '{"a": data.version}["a"] == 1',
    `data.version == 1${' || data.version == 1'.repeat(80)}`,
    'data.ready',
  ])('%s may be saved', async (source) => {
    expect(await engine.check(source, shape)).toBeUndefined()
    expect(violationOf(source, shape.variables)).toBeUndefined()
  })

  test.each<[string, string, string, RegExp]>([
    ['nothing', '', 'syntax', /^Line 1, column 1: found end of input/],
    ['what does not parse', 'data.a ==\n == 1', 'syntax', /^Line \d, column \d: .*Write it in CEL/],
    ['a reserved word', 'for == 1', 'syntax', /^Line 1, column 1: reserved/],
    ['too many characters', `data.a == "${'x'.repeat(2_000)}"`, 'too_long', /longer than 2000 characters/],
    ['too many parts', `[${'1,'.repeat(600)}1] == data.xs`, 'too_large', /more than 500 parts/],
    ['brackets without end', '('.repeat(1_900), 'too_deep', /nested too deeply/],
    ['deep nesting', `data.a == ${'1+'.repeat(60)}1`, 'too_deep', /nested more than 50 deep/],
    ['loops in loops in loops', nested(3), 'loops_nested', /^Line 1, column \d+: .*at most 2 in each other/],
    ['many loops', Array(9).fill('data.xs.all(x, true)').join(' && '), 'too_many_loops', /more than 8/],
    [
      'an unknown variable',
      'data.a == 1 &&\n  dato.a == 1',
      'unknown_name',
      /^Line 2, column 3: there is no variable dato. Known are: type, data, now\.$/,
    ],
    ['a name outside of its loop', 'data.xs.all(x, x == 1) && x == 1', 'unknown_name', /no variable x/],
    ['a name in its own range', 'x.all(x, x == 1)', 'unknown_name', /no variable x/],
    ['what JavaScript would know', 'constructor == 1', 'unknown_name', /no variable constructor/],
    ['a message', 'google.protobuf.Value{} == data', 'unknown_name', /cannot be made/],
    ['an unknown function', 'data.a.like("x")', 'unknown_function', /there is no function like\(\)/],
    ['a loop without a name', 'data.xs.all(1, true)', 'unknown_function', /all\(\) takes a name and an expression/],
    ['has() of no field', 'has(data)', 'unknown_function', /has\(\) takes a field/],
    ['a wrong regular expression', 'data.a.matches("(a")', 'regular_expression', /RE2/],
    ['a number', 'data.version + 1', 'not_boolean', /not true or false/],
    ['a text', '"true"', 'not_boolean', /not true or false/],
  ])('%s is refused', async (_what, source, code, detail) => {
    const error = await engine.check(source, shape).catch((caught) => caught)
    expect(isAppError(error, ExpressionInvalid)).toBe(true)
    expect(error.kind.status).toBe(422)
    expect(error.extras.errors).toEqual([{ pointer: '/filter', code, detail: expect.stringMatching(detail) }])
    if (code !== 'too_long') expect(violationOf(source, shape.variables)).toEqual({ code, detail: expect.stringMatching(detail) })
  })

  test('what may be saved and what may not is told of any text', () =>
    fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 60, unit: fc.constantFrom(...'data.x1 ()[]{}"\'\\&|=!<>+-*/%?:,\n😀') }), async (source) => {
        const error = await engine.check(source, shape).catch((caught) => caught)
        expect(error === undefined || isAppError(error, ExpressionInvalid)).toBe(true)
      }),
      { numRuns: 150 },
    ))
})
