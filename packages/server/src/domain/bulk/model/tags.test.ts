import { expect, test } from 'vitest'
import { changedTags } from './tags.ts'

test.each([
  ['added ones come last, each once', ['a', 'b'], { add: ['c', 'a', 'c'] }, ['a', 'b', 'c']],
  ['removed ones go, others stay in their order', ['a', 'b', 'c'], { remove: ['b', 'x'] }, ['a', 'c']],
  ['both at once', ['a', 'b'], { add: ['c'], remove: ['a'] }, ['b', 'c']],
  ['set replaces all, each once', ['a', 'b'], { set: ['z', 'z', 'b'] }, ['z', 'b']],
  ['set to none', ['a'], { set: [] }, []],
  ['a hundred are taken', [], { set: Array.from({ length: 100 }, (_, n) => `${n}`) }, Array.from({ length: 100 }, (_, n) => `${n}`)],
])('%s', (_, tags, change, expected) => expect(changedTags(tags, change)).toEqual(expected))

test('more than a hundred are refused', () => {
  const hundred = Array.from({ length: 100 }, (_, n) => `${n}`)
  expect(() => changedTags(hundred, { add: ['one more'] })).toThrow('bulk.too_many_tags')
  expect(changedTags(hundred, { add: ['one more'], remove: ['0'] })).toHaveLength(100)
})
