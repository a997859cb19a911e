import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isAppError } from './errors.ts'
import { escapePointer, parseJson } from './json.ts'

const parse = (text: string | Uint8Array): unknown => parseJson(typeof text === 'string' ? Buffer.from(text) : text, isUtf8)

/** The code and the pointer of a refusal; undefined when there is none. */
function refusal(text: string | Uint8Array): { code: string; pointer?: string | undefined } | undefined {
  try {
    parse(text)
    return undefined
  } catch (error) {
    if (!isAppError(error)) throw error
    return { code: error.kind.code, pointer: error.extras.errors?.[0]?.pointer }
  }
}

const storable = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0') && text.isWellFormed())

describe('a JSON body', () => {
  test('of storable texts is taken as it is, whatever its names', () => {
    const names = fc.oneof(storable, fc.constantFrom('__proto__', 'constructor', 'toString', ''))
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 6 },
        fc.constant(null),
        fc.boolean(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        storable,
        fc.array(tie('value')),
        fc.dictionary(names, tie('value')),
      ),
    }))
    fc.assert(fc.property(value, (sent) => void expect(JSON.stringify(parse(JSON.stringify(sent)))).toBe(JSON.stringify(sent))))
  })

  test('with one text that cannot be stored is refused with the pointer to it', () => {
    const step = fc.oneof(storable, fc.nat(5))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), fc.constantFrom('\0', 'a\ud800', '\udc00b'), (path, text) => {
        const body = path.reduceRight<unknown>(
          (inner, part) =>
            typeof part === 'number'
              ? [...Array(part).fill(0), inner]
              : Object.defineProperty({}, part, { value: inner, enumerable: true }),
          text,
        )
        expect(refusal(JSON.stringify(body))).toEqual({
          code: 'request.text_unstorable',
          pointer: path.map((part) => `/${escapePointer(String(part))}`).join(''),
        })
      }),
    )
  })

  test.each([
    ['a NUL in a name', '{"a":{"b\\u0000":1}}', '/a/b\0'],
    ['half of a surrogate pair in a name', '[{"\\ud83d":1}]', '/0/\ud83d'],
  ])('is refused for %s', (_, text, pointer) => expect(refusal(text)).toEqual({ code: 'request.text_unstorable', pointer }))

  test('may be 64 levels deep and no deeper', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
    expect(refusal(nested(64))).toBeUndefined()
    for (const levels of [65, 1_000, 1_000_000]) expect(refusal(nested(levels))?.code).toBe('request.nesting_too_deep')
  })

  test('may be wide: the sum of its values is not bounded, only its bytes', () => {
    expect((parse(`[${'0,'.repeat(300_000)}0]`) as unknown[]).length).toBe(300_001)
  })

  test.each([
    new Uint8Array([0xff]),
    new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]),
    new Uint8Array([0x22, 0xc0, 0xaf, 0x22]),
    new Uint8Array([0x22, 0xe2, 0x82, 0x22]),
  ])('that is not UTF-8 is malformed: %o', (bytes) => expect(refusal(bytes)?.code).toBe('request.malformed'))

  test('is read from its own bytes, not from those around it', () => {
    const shared = Buffer.from('xx{"a":1}yy')
    expect(parse(shared.subarray(2, 9))).toEqual({ a: 1 })
  })

  test.each(['', ' ', '{', '{"a":1', 'nul', '"\n"', 'NaN', '1 2'])('that is not JSON is malformed: %j', (text) =>
    expect(refusal(text)?.code).toBe('request.malformed'),
  )
})
