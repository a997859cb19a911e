import { afterAll, beforeAll, expect, test } from 'vitest'
import { cloneDatabase, type TestDatabase } from '../../../testing/index.ts'
import { bigints, hashes, integers, smallints, uuids } from './binary-arrays.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await cloneDatabase()
})
afterAll(() => database.drop())

/** What PostgreSQL reads of an array, as its own literal. */
const read = async (array: Buffer | null, type: string): Promise<string | null> =>
  (await database.query<{ it: string | null }>(`select $1::${type}[]::text as it`, [array]))[0]!.it

test('PostgreSQL reads what was written, to the ends of each type, with nulls in between', async () => {
  expect(await read(smallints([0, -32_768, null, 32_767]), 'smallint')).toBe('{0,-32768,NULL,32767}')
  expect(await read(integers([null, -(2 ** 31), 2 ** 31 - 1]), 'int')).toBe('{NULL,-2147483648,2147483647}')
  const large = [0, -1, 2 ** 32 - 1, 2 ** 32, -(2 ** 32) - 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
  expect(await read(bigints([...large, null]), 'bigint')).toBe(`{${large.join()},NULL}`)
  expect(await read(uuids(['0123456789abcdef0123456789abcdef', null]), 'uuid')).toBe('{01234567-89ab-cdef-0123-456789abcdef,NULL}')
  expect(await read(hashes([null, '00ff00ff00ff00ff']), 'bytea')).toBe('{NULL,"\\\\x00ff00ff00ff00ff"}')
})

test('of nulls alone there is no array, and a number too large for its type is refused', async () => {
  expect(integers([null, null])).toBeNull()
  expect(await read(integers([]), 'int')).toBeNull()
  expect(() => integers([2 ** 31])).toThrow(RangeError)
  expect(() => smallints([-32_769])).toThrow(RangeError)
})
