import fc from 'fast-check'
import { expect, test } from 'vitest'
import { linesIn, tooLong } from './ndjson.ts'

async function* pieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let [from, n] = [0, 0]; from < bytes.length; n++) {
    const size = sizes[n % sizes.length] ?? 1
    yield bytes.subarray(from, from + size)
    from += size
  }
}

const read = async (bytes: Buffer, sizes: readonly number[] = [7], maxBytes = 1_000): Promise<unknown[]> => {
  const lines: unknown[] = []
  for await (const line of linesIn(pieces(bytes, sizes), maxBytes)) lines.push(line === tooLong ? tooLong : line.toString())
  return lines
}

test('however a stream is cut into pieces, its lines are the same', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text))),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      fc.constantFrom('\n', '\r\n', '\n\n', ' \n\t'),
      async (values, sizes, end) => {
        expect(await read(Buffer.from(values.join(end)), sizes, 100_000)).toEqual(values)
      },
    ),
  ))

test('a line that is too long is told as such, and its neighbours are whole; the last byte that is taken is', async () => {
  const text = ['first', 'x'.repeat(11), 'y'.repeat(10), 'z'.repeat(500), 'last'].join('\n')
  expect(await read(Buffer.from(text), [3], 10)).toEqual(['first', tooLong, 'y'.repeat(10), tooLong, 'last'])
  expect(await read(Buffer.from(text), [1_000], 10)).toEqual(['first', tooLong, 'y'.repeat(10), tooLong, 'last'])
})

test('nothing, and blank lines, give nothing', async () => {
  for (const text of ['', '\n', ' \r\n\t\n\n']) expect(await read(Buffer.from(text))).toEqual([])
})
