import { DDSketch } from '@datadog/sketches-js'

/** Bins of DDSketch (Masson, Rim, Lee, VLDB 2019) with 1 % relative error: bin 0 is the value 0, bin k + 1 the library's bin k. */
const { mapping } = new DDSketch({ relativeAccuracy: 0.01 })

/** @param value a whole number >= 0, below 2^53 @returns 0 to 1,840 */
export const binOf = (value: number): number => (value <= 0 ? 0 : mapping.key(value) + 1)
/** The value that stands for a bin, within 1 %. */
export const middleOf = (bin: number): number => (bin === 0 ? 0 : mapping.value(bin - 1))
