/**
 * PostgreSQL arrays in their binary format (`array_send` and the `send` functions of the types, in PostgreSQL's
 * src/backend/utils/adt), which both sides handle faster than literals: for columns of many rows that come all the time.
 */
type Element<T> = Readonly<{ oid: number; size: number; put(buffer: Buffer, at: number, value: T): void }>

const headerBytes = 20
const lengthBytes = 4

/** Of nulls alone this is null: `unnest` of several arrays fills it up with nulls. @throws RangeError when a value has no room in its type */
const arrayOf =
  <T>({ oid, size, put }: Element<T>) =>
  (values: readonly (T | null)[]): Buffer | null => {
    const present = values.reduce<number>((count, value) => (value === null ? count : count + 1), 0)
    if (present === 0) return null
    const buffer = Buffer.allocUnsafe(headerBytes + values.length * lengthBytes + present * size)
    const header = [1, present < values.length ? 1 : 0, oid, values.length, 1] // dimensions, has nulls, type, length, first index
    let at = header.reduce((to, value) => buffer.writeInt32BE(value, to), 0)
    for (const value of values) {
      at = buffer.writeInt32BE(value === null ? -1 : size, at)
      if (value === null) continue
      put(buffer, at, value)
      at += size
    }
    return buffer
  }

const putHex = (buffer: Buffer, at: number, value: string): void => void buffer.write(value, at, 'hex')

const words = 2 ** 32

/** `smallint[]` */
export const smallints = arrayOf<number>({ oid: 21, size: 2, put: (buffer, at, value) => buffer.writeInt16BE(value, at) })
/** `int[]` */
export const integers = arrayOf<number>({ oid: 23, size: 4, put: (buffer, at, value) => buffer.writeInt32BE(value, at) })
/** `bigint[]`, of whole numbers that a number holds exactly. */
export const bigints = arrayOf<number>({
  oid: 20,
  size: 8,
  put(buffer, at, value) {
    const high = Math.floor(value / words)
    buffer.writeInt32BE(high, at)
    buffer.writeUInt32BE(value - high * words, at + 4)
  },
})
/** `uuid[]`, of 32 hex digits without dashes each. */
export const uuids = arrayOf<string>({ oid: 2950, size: 16, put: putHex })
/** `bytea[]`, of 16 hex digits each. */
export const hashes = arrayOf<string>({ oid: 17, size: 8, put: putHex })
