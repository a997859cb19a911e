import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encode, hashAfter, murmur3, prefixOf } from './murmur3.ts'

type Vectors = Readonly<{
  raw: { input: string; seed0: number; seed86028157: number }[]
  utf8: { input: string; seed0: number }[]
  weighted: { cases: { input: string; murmur3: number; bucketOf100: number }[] }
}>
const vectors: Vectors = JSON.parse(readFileSync(join(import.meta.dirname, 'testing/murmur3-vectors.json'), 'utf8'))

/** The same hash, written for bytes and clarity: a second opinion on how texts become bytes and parts become one. */
function reference(bytes: Buffer, seed: number): number {
  const rotated = (x: number, by: number) => (x << by) | (x >>> (32 - by))
  const mixed = (k: number) => Math.imul(rotated(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593)
  let h = seed
  const whole = bytes.length - (bytes.length % 4)
  for (let at = 0; at < whole; at += 4) h = Math.imul(rotated(h ^ mixed(bytes.readInt32LE(at)), 13), 5) + 0xe6546b64
  const tail = [...bytes.subarray(whole)].reduce((k, byte, i) => k | (byte << (8 * i)), 0)
  if (whole < bytes.length) h ^= mixed(tail)
  h ^= bytes.length
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

describe('murmur3 x86_32', () => {
  test.each(vectors.raw)('of $input is that of other implementations, with and without a seed', ({ input, seed0, seed86028157 }) => {
    expect([murmur3(input), murmur3(input, 86028157)]).toEqual([seed0, seed86028157])
  })

  test.each(vectors.utf8)('of $input is that of its UTF-8 bytes', ({ input, seed0 }) => {
    expect(murmur3(input)).toBe(seed0)
  })

  test.each(vectors.weighted.cases)('puts $input into the bucket that others put it into', ({ input, murmur3: hash, bucketOf100 }) => {
    expect([murmur3(input), Math.floor((murmur3(input) * 100) / 2 ** 32)]).toEqual([hash, bucketOf100])
  })

  test('of any text, whole or after a prefix, is that of its bytes; half a surrogate pair is U+FFFD', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc.nat(), (a, b, seed) => {
        expect(murmur3(b, seed)).toBe(reference(Buffer.from(b, 'utf8'), seed))
        expect(hashAfter(prefixOf(a), encode(b))).toBe(reference(Buffer.from(a + b, 'utf8'), 0))
      }),
      { numRuns: 300 },
    )
    for (const text of ['\ud83d', 'a\ud83d', '\ude0a\ud83d', '\ud83dx', '\ud83d\ud83d\ude0a', '\udfff\udfff'])
      expect([text, murmur3(text)]).toEqual([text, reference(Buffer.from(text, 'utf8'), 0)])
  })

  test('of a text longer than any before it is right too', () => {
    for (const length of [1021, 5000, 100_000])
      expect(murmur3('好'.repeat(length))).toBe(reference(Buffer.from('好'.repeat(length), 'utf8'), 0))
  })
})
