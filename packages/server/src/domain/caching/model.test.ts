import fc from 'fast-check'
import { expect, test } from 'vitest'
import { matchesPattern } from './model.ts'

test.each<[string, string, boolean]>([
  ['a/b', 'a/b', true],
  ['a/b', 'a/c', false],
  ['a/b', '*', true],
  ['a/b', 'a/*', true],
  ['a/b', '*/b', true],
  ['ab/c', 'a/*', false],
  ['a/bcb', 'a/*b', true],
  ['a/b', 'a/b*b', false],
  ['a/xyz', '*x*z', true],
  ['a/xyz', '*z*x*', false],
  ['a/b', '', false],
  ['aaa', 'a*a*a*a', false],
  ['a.c/d', 'a.c/*', true],
  ['abc/d', 'a.c/*', false],
])('%s against %s', (text, pattern, expected) => expect(matchesPattern(text, pattern)).toBe(expected))

test('a pattern matches what a regular expression of its parts would', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), maxLength: 12 })
  fc.assert(
    fc.property(letters, letters, (text, pattern) => {
      const form = new RegExp(
        `^${pattern
          .split('*')
          .map((part) => part.replace(/[/]/g, '\\/'))
          .join('.*')}$`,
        's',
      )
      expect(matchesPattern(text, pattern)).toBe(form.test(text))
    }),
    { numRuns: 2000 },
  )
})
