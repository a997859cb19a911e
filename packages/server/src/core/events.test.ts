import { expect, test } from 'vitest'
import { between, eventType } from './events.ts'
import { Strict } from './schemas.ts'

const happened = eventType('thing.happened', Strict({}), { description: 'A thing has happened' })('id', {})

test('a fingerprint is of the state, whatever the order of its keys; none is null', () => {
  const [stored] = between(null, { a: 1, b: { c: [1, { e: 1, d: 2 }], f: undefined } }, [happened])
  const [loaded] = between({ b: { c: [1, { d: 2, e: 1 }] }, a: 1 }, null, [happened])
  expect(stored).toMatchObject({ type: 'thing.happened', before: null, after: expect.stringMatching(/^[0-9a-f]{64}$/) })
  expect(loaded).toMatchObject({ before: stored!.after, after: null })
  const [other] = between(null, { a: 1, b: { c: [{ d: 2, e: 1 }, 1] } }, [happened])
  expect(other!.after).not.toBe(stored!.after)
  expect(between(null, {}, [])).toEqual([])
})
