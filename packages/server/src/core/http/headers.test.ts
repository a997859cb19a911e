import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isAppError } from '../errors.ts'
import { PreconditionFailed } from '../problem.ts'
import { assertIfMatch, entityTags, noneMatch, requestIdOf, traceparentOf } from './headers.ts'

const made = /^[0-9a-f]{32}-[0-9a-z]+$/

test.each(['a', 'trace/1:2', '~'.repeat(128)])('a sane request id is kept: %s', (id) => expect(requestIdOf(id)).toBe(id))
test.each([undefined, '', 'a b', 'a\n', 'ü', 'x'.repeat(129), ['a', 'b']])('another one is replaced by one of ours: %j', (id) =>
  expect(requestIdOf(id)).toMatch(made),
)

const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
test('a valid traceparent is taken', () => expect(traceparentOf(trace)).toBe(trace))
test.each([
  undefined,
  '',
  trace.toUpperCase(),
  trace.replace('00-', 'ff-'),
  `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
  `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`,
  `${trace}-x`,
  [trace, trace],
])('a broken traceparent is ignored: %j', (header) => expect(traceparentOf(header)).toBeUndefined())

describe('entity tags', () => {
  test.each<[string | undefined, readonly string[] | undefined]>([
    [undefined, undefined],
    ['', []],
    ['*', ['*']],
    ['"a"', ['a']],
    ['W/"a"', ['W/a']],
    ['"a", W/"b" ,"c"', ['a', 'W/b', 'c']],
    ['"a,b","c d"', ['a,b', 'c d']],
    ['bare', ['bare']],
    [',,"a",', ['a']],
  ])('of %j are %j', (header, tags) => expect(entityTags(header)).toEqual(tags))

  test('any list of tags is read as it was written', () => {
    const tag = fc.string().filter((text) => /^[\x21\x23-\x7e]+$/.test(text))
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), tag)), (tags) => {
        const header = tags.map(([weak, text]) => `${weak ? 'W/' : ''}"${text}"`).join(', ')
        expect(entityTags(header)).toEqual(tags.map(([weak, text]) => (weak ? 'W/' : '') + text))
      }),
    )
  })
})

test.each([
  ['"3"', true],
  ['W/"3"', true],
  ['*', true],
  ['"1", "3"', true],
  ['"1",W/"3"', true],
  [undefined, false],
  ['', false],
  ['"33"', false],
  ['"1", "2"', false],
])('If-None-Match: %s has "3": %s', (header, matches) => expect(noneMatch(header, '3')).toBe(matches))

test.each([
  [undefined, true],
  ['*', true],
  ['"3"', true],
  ['"1", "3"', true],
  ['"2"', false],
  ['', false],
  ['W/"3"', false],
])('If-Match: %s lets "3" be changed: %s', (header, allowed) => {
  const attempt = () => assertIfMatch(entityTags(header), '3')
  if (allowed) expect(attempt).not.toThrow()
  else expect(attempt).toThrow(expect.toSatisfy((error: unknown) => isAppError(error, PreconditionFailed)))
})
