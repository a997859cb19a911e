import { encode, hashAfter, type Prefix, prefixOf } from './murmur3.ts'
import { hashes, type Range } from './ranges.ts'

/** What an assignment needs of a test: fields that the resource shows. It is read once: a changed test is another object. */
export type Assignable = Readonly<{
  seed: string
  /** The part of units that take part, 0 to 1. */
  coverage: number
  /** The first is the control. */
  variants: readonly Readonly<{ key: string }>[]
  /** They cover [0, 2³²) in ascending order. */
  ranges: readonly Range[]
}>

/** `enrolled: false`: the unit takes no part and sees the control, as if there were no test. */
export type Assignment = Readonly<{ variant: string; enrolled: boolean }>

type Prepared = Readonly<{
  enrol: Prefix
  arm: Prefix
  /** Hashes below this take part. */
  below: number
  starts: readonly number[]
  arms: readonly Assignment[]
  outside: Assignment
}>

const known = new WeakMap<Assignable, Prepared>()

function prepare(test: Assignable): Prepared {
  const answers = new Map<string, Assignment>()
  for (const { variant } of test.ranges) if (!answers.has(variant)) answers.set(variant, Object.freeze({ variant, enrolled: true }))
  const prepared = {
    enrol: prefixOf(`${test.seed}:enrol:`),
    arm: prefixOf(`${test.seed}:arm:`),
    below: test.coverage * hashes,
    starts: test.ranges.map(({ start }) => start),
    arms: test.ranges.map(({ variant }) => answers.get(variant)!),
    outside: Object.freeze({ variant: test.variants[0]!.key, enrolled: false }),
  }
  known.set(test, prepared)
  return prepared
}

/**
 * Assign a unit: a pure function of test and unit, the same everywhere, without a call and without allocation.
 * It takes part when h(seed + ":enrol:" + unitId) < coverage × 2³², and then sees the variant whose range holds
 * h(seed + ":arm:" + unitId). Two hashes, since one for both skews the split at low coverage; so a change of coverage never
 * moves anybody from one variant to another.
 * @param unitId any text; half surrogate pairs count as U+FFFD
 */
export function assign(test: Assignable, unitId: string): Assignment {
  const { enrol, arm, below, starts, arms, outside } = known.get(test) ?? prepare(test)
  const length = encode(unitId)
  if (hashAfter(enrol, length) >= below) return outside
  const at = hashAfter(arm, length)
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (starts[middle]! <= at) low = middle
    else high = middle - 1
  }
  return arms[low]!
}
