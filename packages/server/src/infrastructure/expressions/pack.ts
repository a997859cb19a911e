import type { ExpressionBindings, ExpressionFailure } from '../../core/expressions.ts'
import type { Packed } from './tasks.ts'

/** Bytes of the bindings as JSON. */
const largest = 1_000_000

/** @returns bindings as they travel to the thread; or the outcome of every expression, when they cannot */
export function pack(bindings: ExpressionBindings): Packed | ExpressionFailure {
  try {
    const entries = Object.entries(bindings)
    const times = entries.flatMap(([name, value]) => (value instanceof Date ? [[name, value.toISOString()]] : []))
    const json = JSON.stringify(Object.fromEntries(entries.filter(([, value]) => !(value instanceof Date))))
    if (Buffer.byteLength(json) > largest) return { failed: 'error', detail: `The data is larger than ${largest} bytes.` }
    return { json, times: Object.fromEntries(times) }
  } catch (error) {
    return { failed: 'error', detail: `The data is not JSON: ${(error as Error).message}` }
  }
}
