import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isAppError } from './errors.ts'
import { cursorCodec, pageSize } from './page.ts'
import { CursorInvalid } from './problem.ts'

const codec = cursorCodec(Buffer.from('a secret of the test'))
const position = fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer()), { minLength: 1, maxLength: 4 })
const scope = fc.string()

const isRefused = (decode: () => unknown): boolean => {
  try {
    decode()
    return false
  } catch (error) {
    return isAppError(error, CursorInvalid)
  }
}

describe('a cursor', () => {
  test('comes back as the position that it was made of', () =>
    fc.assert(fc.property(scope, position, (list, at) => void expect(codec.decode(list, codec.encode(list, at))).toEqual(at))))

  test('is made of characters that need no encoding in a query', () =>
    fc.assert(fc.property(scope, position, (list, at) => void expect(codec.encode(list, at)).toMatch(/^[\w-]+\.[\w-]{22}$/))))

  test('is refused by another list and under another secret', () => {
    const other = cursorCodec(Buffer.from('another secret'))
    fc.assert(
      fc.property(scope, scope, position, (list, elsewhere, at) => {
        fc.pre(list !== elsewhere)
        const cursor = codec.encode(list, at)
        expect([isRefused(() => codec.decode(elsewhere, cursor)), isRefused(() => other.decode(list, cursor))]).toEqual([true, true])
      }),
    )
  })

  test('is refused when any character of it was changed, added or taken away', () =>
    fc.assert(
      fc.property(
        position,
        fc.nat(),
        fc.constantFrom(...'ABab01-_.=$ /+'),
        fc.constantFrom('replace', 'insert', 'delete', 'append'),
        (at, n, char, how) => {
          const cursor = codec.encode('list', at)
          const i = n % cursor.length
          const after = {
            replace: char + cursor.slice(i + 1),
            insert: char + cursor.slice(i),
            delete: cursor.slice(i + 1),
            append: cursor.slice(i) + char,
          }[how]
          const tampered = cursor.slice(0, i) + after
          fc.pre(tampered !== cursor)
          expect(isRefused(() => codec.decode('list', tampered))).toBe(true)
        },
      ),
      { numRuns: 1_000 },
    ))

  test('is refused when it is nothing of the kind', () =>
    fc.assert(fc.property(fc.string(), (text) => void expect(isRefused(() => codec.decode('list', text))).toBe(true))))
})

test.each([
  [undefined, 50],
  [1, 1],
  [50, 50],
  [200, 200],
  [201, 200],
  [1_000, 200],
])('a limit of %s gives %i items', (limit, size) => expect(pageSize(limit)).toBe(size))
