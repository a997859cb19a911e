/** Bytes of the text that is being hashed, from `offset` on; before it there is room for what a prefix left over. */
let buffer = new Uint8Array(1024)
const offset = 4

/**
 * Write a text as UTF-8, where `hashAfter` finds it. Half of a surrogate pair is U+FFFD, as in TextEncoder.
 * @returns how many bytes
 */
export function encode(text: string): number {
  if (buffer.length < offset + 3 * text.length) buffer = new Uint8Array(offset + 6 * text.length)
  const bytes = buffer
  let at = offset
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x80) bytes[at++] = code
    else if (code < 0x800) {
      bytes[at++] = 0xc0 | (code >> 6)
      bytes[at++] = 0x80 | (code & 63)
    } else if (code >= 0xd800 && code <= 0xdbff && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      const point = 0x10000 + ((code - 0xd800) << 10) + (text.charCodeAt(++i) - 0xdc00)
      bytes[at++] = 0xf0 | (point >> 18)
      bytes[at++] = 0x80 | ((point >> 12) & 63)
      bytes[at++] = 0x80 | ((point >> 6) & 63)
      bytes[at++] = 0x80 | (point & 63)
    } else {
      const point = code >= 0xd800 && code <= 0xdfff ? 0xfffd : code
      bytes[at++] = 0xe0 | (point >> 12)
      bytes[at++] = 0x80 | ((point >> 6) & 63)
      bytes[at++] = 0x80 | (point & 63)
    }
  }
  return at - offset
}

/** A hash that has got as far as its last whole block of four bytes. */
export type Prefix = Readonly<{ state: number; left: readonly number[]; length: number }>
const nothing = (seed: number): Prefix => ({ state: seed | 0, left: [], length: 0 })

/** What texts that begin alike have in common, computed once. */
export function prefixOf(text: string): Prefix {
  const length = encode(text)
  const whole = length - (length % 4)
  return { state: blocks(0, offset, offset + whole), left: [...buffer.subarray(offset + whole, offset + length)], length }
}

/** The state after the whole blocks of [from, to) in the buffer. */
function blocks(state: number, from: number, to: number): number {
  const bytes = buffer
  let h = state
  for (let at = from; at < to; at += 4) {
    const block = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    h ^= mixed(block)
    h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
  }
  return h
}

const mixed = (block: number): number => {
  const k = Math.imul(block, 0xcc9e2d51)
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593)
}

/**
 * The hash of a prefix and the text that was encoded last, as one text.
 * @param length what `encode` answered
 * @returns an unsigned 32-bit integer
 */
export function hashAfter(prefix: Prefix, length: number): number {
  const { state, left } = prefix
  const from = offset - left.length
  for (let i = 0; i < left.length; i++) buffer[from + i] = left[i]!
  const end = offset + length
  const whole = end - ((end - from) & 3)
  let h = blocks(state, from, whole)
  let tail = 0
  for (let at = end - 1; at >= whole; at--) tail = (tail << 8) | buffer[at]!
  if (whole < end) h ^= mixed(tail)
  h ^= prefix.length + length
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/**
 * MurmurHash3 x86_32 (Austin Appleby, public domain) over the UTF-8 bytes of a text.
 * @param seed an unsigned 32-bit integer
 * @returns an unsigned 32-bit integer
 */
export const murmur3 = (text: string, seed = 0): number => hashAfter(nothing(seed), encode(text))
