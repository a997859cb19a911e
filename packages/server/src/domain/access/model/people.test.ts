import { describe, expect, test } from 'vitest'
import { type KeyOrigin, personBehind } from './people.ts'

const made = (createdBy: string, rotatedFrom: string | null = null): KeyOrigin => ({ createdBy, rotatedFrom })
const known = new Map<string, KeyOrigin>([
  ['key:anns', made('user:ann')],
  ['key:anns-second', made('key:anns')],
  ['key:anns-rotated', made('user:ann', 'key:anns')],
  ['key:anns-rotated-by-bob', made('user:bob', 'key:anns')],
  ['key:anns-rotated-by-installation', made('bootstrap', 'key:anns')],
  ['key:handed', made('bootstrap')],
  ['key:handed-rotated', made('bootstrap', 'key:handed')],
  ['key:made-by-handed', made('key:handed')],
  ['key:other', made('open')],
  ['key:one', made('key:two')],
  ['key:two', made('key:one')],
])

describe('behind a principal stands', () => {
  test.each([
    ['user:ann', 'user:ann', 'who logs in, by whichever session'],
    ['key:anns', 'user:ann', 'who made the key'],
    ['key:anns-second', 'user:ann', 'who made the key that made the key'],
    ['key:anns-rotated', 'user:ann', 'who rotated their own key'],
    ['key:anns-rotated-by-bob', 'user:bob', 'who rotated the key of another, and so knows it'],
    ['key:anns-rotated-by-installation', 'user:ann', 'whose key the installation rotated'],
    ['key:handed', 'key:handed', 'for a key that the installation made: whoever it was handed to'],
    ['key:handed-rotated', 'key:handed', 'the same after the installation has rotated it'],
    ['key:made-by-handed', 'key:handed', 'the same for keys made by it'],
    ['key:other', 'key:other', 'another person than for another such key'],
    ['bootstrap', 'bootstrap', 'the installation, for what it does itself'],
    ['key:gone', 'key:gone', 'itself, for a key that is not known'],
  ])('%s: %s, %s', (principal, person) => expect(personBehind(principal, known)).toBe(person))

  test('nobody is asked for ever: keys that say they made each other end', () => expect(personBehind('key:one', known)).toMatch(/^key:/))
})
