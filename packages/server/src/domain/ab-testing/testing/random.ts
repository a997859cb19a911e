import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/** A seeded source of randomness: the same seed, the same numbers, on every machine. */
export type Random = Readonly<{
  /** In [0, 1). */
  uniform(): number
  normal(mean: number, stddev: number): number
  /** Successes of n tries. */
  binomial(n: number, p: number): number
  /** Beta of whole parameters, as the a-th smallest of a + b − 1 uniforms would be; by sums of exponentials. */
  beta(a: number, b: number): number
}>

export function random(seed: number): Random {
  const generator = xoroshiro128plus(seed)
  const uniform = () => uniformFloat64(generator)
  const gamma = (shape: number) => {
    let sum = 0
    for (let i = 0; i < shape; i++) sum -= Math.log(1 - uniform())
    return sum
  }
  return {
    uniform,
    normal: (mean, stddev) => mean + stddev * Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    binomial: (n, p) => {
      let successes = 0
      for (let i = 0; i < n; i++) if (uniform() < p) successes++
      return successes
    },
    beta: (a, b) => {
      const x = gamma(a)
      return x / (x + gamma(b))
    },
  }
}
