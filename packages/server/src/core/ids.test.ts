import { expect, test } from 'vitest'
import { isId, newId } from './ids.ts'

test('ids are UUIDv7, differ, and sort by the time they were made', () => {
  const ids = Array.from({ length: 20_000 }, newId)
  expect(ids.every((id) => isId(id) && id[14] === '7' && /[89ab]/.test(id[19]!))).toBe(true)
  expect(new Set(ids).size).toBe(ids.length)
  expect([...ids].sort()).toEqual(ids)
})
