/**
 * How many different users there were: HyperLogLog (Flajolet et al. 2007) with 2,048 registers, standard error
 * 1.04 / sqrt(2048) = 2.3 %, over keyed hashes of 64 bits; few are counted by the empty registers (linear counting).
 * It holds no user, only the highest rank seen in each register.
 */
export type Distinct = Map<number, number>

const registers = 2_048
const alpha = 0.7213 / (1 + 1.079 / registers)

/** @param hash 16 hex digits: 11 bits choose the register, the zeros before the first 1 of the other 53 are the rank */
export function addUser(distinct: Distinct, hash: string): void {
  const value = BigInt(`0x${hash}`)
  const register = Number(value >> 53n)
  const rest = value & ((1n << 53n) - 1n)
  const rank = rest === 0n ? 54 : 54 - rest.toString(2).length
  if (rank > (distinct.get(register) ?? 0)) distinct.set(register, rank)
}

export function mergeDistinct(into: Distinct, from: Distinct): void {
  for (const [register, rank] of from) if (rank > (into.get(register) ?? 0)) into.set(register, rank)
}

/** @returns about how many, >= 0 */
export function estimate(distinct: Distinct): number {
  const empty = registers - distinct.size
  let sum = empty
  for (const rank of distinct.values()) sum += 2 ** -rank
  const raw = (alpha * registers * registers) / sum
  return Math.round(raw <= 2.5 * registers && empty > 0 ? registers * Math.log(registers / empty) : raw)
}

/** Always the same bytes for the same registers: 3 bytes for each that is not empty, or one for each, whichever is shorter. */
export function encodeDistinct(distinct: Distinct): Buffer {
  if (distinct.size * 3 >= registers) {
    const dense = Buffer.alloc(registers)
    for (const [register, rank] of distinct) dense[register] = rank
    return dense
  }
  const sparse = Buffer.alloc(distinct.size * 3)
  let at = 0
  for (const [register, rank] of [...distinct].sort(([a], [b]) => a - b)) {
    sparse.writeUInt16BE(register, at)
    sparse[at + 2] = rank
    at += 3
  }
  return sparse
}

export function mergeEncodedDistinct(into: Distinct, bytes: Buffer): void {
  const note = (register: number, rank: number) => void (rank > (into.get(register) ?? 0) && into.set(register, rank))
  if (bytes.length === registers) for (let register = 0; register < registers; register++) note(register, bytes[register]!)
  else for (let at = 0; at < bytes.length; at += 3) note(bytes.readUInt16BE(at), bytes[at + 2]!)
}
