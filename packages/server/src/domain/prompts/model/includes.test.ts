import { describe, expect, test } from 'vitest'
import { isAppError } from '../../../core/errors.ts'
import { assertGraph, followed, type Moment, maxIncludeDepth } from './includes.ts'

/** `a>b b>c`: a includes b, b includes c. */
const graph = (text: string) => ({
  links: text
    .split(' ')
    .filter(Boolean)
    .map((pair) => ({ from: pair.split('>')[0]!, to: pair.split('>')[1]! })),
  nameOf: (node: string) => node.toUpperCase(),
})
const verdict = (start: string, text: string, moment: Moment = 'save'): unknown => {
  try {
    assertGraph(start, graph(text), moment)
    return 'fine'
  } catch (error) {
    if (!isAppError(error)) throw error
    const { cycle, chain } = error.extras.members as { cycle?: string[]; chain?: string[] }
    return [error.kind.status, (cycle ?? chain)!.join('')]
  }
}
/** A chain of `n` includes through the letters from `first` on. */
const chain = (first: string, n: number) =>
  Array.from({ length: n }, (_, i) => [i, i + 1].map((at) => String.fromCharCode(first.charCodeAt(0) + at)).join('>')).join(' ')

describe('the graph of includes', () => {
  test.each<[string, string, string, unknown]>([
    ['nothing', 'a', '', 'fine'],
    ['a diamond', 'a', 'a>b a>c b>d c>d', 'fine'],
    ['itself', 'a', 'a>a', [422, 'AA']],
    ['a way back', 'a', 'a>x a>b b>c c>d c>a', [422, 'ABCA']],
    ['a cycle elsewhere is not its business', 'a', 'a>b b>c c>b', 'fine'],
    ['as deep as may be', 'a', chain('a', maxIncludeDepth), 'fine'],
    ['one deeper', 'a', chain('a', maxIncludeDepth + 1), [422, 'ABCDEFGHIJ']],
    ['one deeper, seen from its end', 'j', chain('a', maxIncludeDepth + 1), [422, 'ABCDEFGHIJ']],
    ['one deeper, seen from within', 'e', chain('a', maxIncludeDepth + 1), [422, 'ABCDEFGHIJ']],
    ['the longest way counts, not the shortest', 'a', `a>i ${chain('a', maxIncludeDepth)} i>j`, [422, 'ABCDEFGHIJ']],
    ['a deep chain beside it is not its business', 'z', `z>y ${chain('a', maxIncludeDepth + 1)}`, 'fine'],
  ])('%s', (_name, start, text, expected) => expect(verdict(start, text)).toEqual(expected))

  test('is refused with 409 when it is not the text that is wrong', () => {
    expect(verdict('a', 'a>b b>a', 'later')).toEqual([409, 'ABA'])
    expect(verdict('a', chain('a', 9), 'later')).toEqual([409, 'ABCDEFGHIJ'])
  })

  test('with ten ways on from each of eight levels is looked at once, not 10^8 times', () => {
    const levels = Array.from({ length: 8 }, (_, level) =>
      Array.from({ length: 100 }, (_, i) => `${level}.${i % 10}>${level + 1}.${Math.floor(i / 10)}`),
    ).flat()
    expect(verdict('0.0', levels.join(' '))).toBe('fine')
  })
})

test.each([
  [{}, { targetLabel: 'production', targetVersion: null }],
  [{ label: 'beta' }, { targetLabel: 'beta', targetVersion: null }],
  [{ version: 3 }, { targetLabel: null, targetVersion: 3 }],
])('a reference with %o follows or pins', (pin, expected) =>
  expect(followed({ raw: '', category: 'c', name: 'n', ...pin })).toEqual(expected),
)
