import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

/** Random bytes are drawn for many ids at once: a system call for each is most of what an id costs. */
const pool = new Uint8Array(16 * 256)
let drawn = pool.length

/** A new UUIDv7 (RFC 9562): ids of one process sort by the time they were made. */
export function newId(): string {
  if (drawn === pool.length) {
    randomFillSync(pool)
    drawn = 0
  }
  drawn += 16
  const random = pool.subarray(drawn - 16, drawn)
  return v7({ ...nextTick(random), random })
}

let msecs = 0
let seq = 0

/** Milliseconds, and a counter within them that begins at random (RFC 9562 §6.2, method 1): ids of a process never go back. */
function nextTick(random: Uint8Array): { msecs: number; seq: number } {
  const now = Date.now()
  if (now > msecs) {
    msecs = now
    seq = (random[6]! << 16) | (random[7]! << 8) | random[8]!
  } else seq++
  return { msecs, seq }
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
export const isId = (text: string): boolean => uuid.test(text)
