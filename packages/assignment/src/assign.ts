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
  /** A test that says nothing of it runs. */
  status?: 'draft' | 'running' | 'paused' | 'completed'
  /** Units that see a variant of choice, and count for nothing. */
  forced?: Readonly<Record<string, string>>
  /** The part [start, end) of the 10,000 buckets of a namespace that the test holds. */
  namespace?: Readonly<{ name: string; start: number; end: number }> | null
  /** The part of units, 0 to 1, that no test with a holdout enrols. */
  holdout?: number
  /** A condition on attributes: whether it is met is an argument of `assign`. */
  targeting?: string | null
  /** True for a test whose units keep what they saw first: the service alone knows that. */
  sticky?: boolean
}>

/** Why a unit sees what it sees. Only what is `assigned` counts. */
export type Reason = 'assigned' | 'forced' | 'draft' | 'paused' | 'ended' | 'namespace' | 'holdout' | 'targeting' | 'coverage'

/** `enrolled: false`: the unit takes no part, and sees the control as if there were no test (or what it is forced to see). */
export type Assignment = Readonly<{ variant: string; enrolled: boolean; reason: Reason }>

type Prepared = Readonly<{
  /** The answer for everybody, of a test that does not run. */
  always: Assignment | undefined
  forced: ReadonlyMap<string, Assignment> | undefined
  namespace: Readonly<{ prefix: Prefix; start: number; end: number }> | undefined
  /** Hashes below this are held out. */
  heldOut: number
  isTargeted: boolean
  enrol: Prefix
  arm: Prefix
  /** Hashes below this take part. */
  below: number
  starts: readonly number[]
  arms: readonly Assignment[]
  outside: Readonly<Record<'namespace' | 'holdout' | 'targeting' | 'coverage', Assignment>>
}>

const known = new WeakMap<Assignable, Prepared>()
const holdoutPrefix = prefixOf('holdout:')
const buckets = 10_000

const stopped = { draft: 'draft', paused: 'paused', completed: 'ended', running: undefined } as const

function prepare(test: Assignable): Prepared {
  const answers = new Map<string, Assignment>()
  for (const { variant } of test.ranges)
    if (!answers.has(variant)) answers.set(variant, Object.freeze({ variant, enrolled: true, reason: 'assigned' }))
  const control = test.variants[0]!.key
  const not = (reason: Reason): Assignment => Object.freeze({ variant: control, enrolled: false, reason })
  const stop = stopped[test.status ?? 'running']
  const forced = Object.entries(test.forced ?? {}).map(
    ([unit, variant]) => [unit, Object.freeze({ variant, enrolled: false, reason: 'forced' } as const)] as const,
  )
  const { namespace } = test
  const prepared: Prepared = {
    always: stop && not(stop),
    forced: forced.length > 0 ? new Map(forced) : undefined,
    namespace: namespace ? { prefix: prefixOf(`${namespace.name}:namespace:`), start: namespace.start, end: namespace.end } : undefined,
    heldOut: (test.holdout ?? 0) * hashes,
    isTargeted: typeof test.targeting === 'string',
    enrol: prefixOf(`${test.seed}:enrol:`),
    arm: prefixOf(`${test.seed}:arm:`),
    below: test.coverage * hashes,
    starts: test.ranges.map(({ start }) => start),
    arms: test.ranges.map(({ variant }) => answers.get(variant)!),
    outside: { namespace: not('namespace'), holdout: not('holdout'), targeting: not('targeting'), coverage: not('coverage') },
  }
  known.set(test, prepared)
  return prepared
}

/**
 * Assign a unit: a pure function of test and unit, the same everywhere, without a call and without allocation.
 * In this order: a test that does not run shows the control; a forced unit sees what it is forced to; the unit's bucket,
 * h(namespace + ":namespace:" + unitId) × 10,000 / 2³², must lie in the test's part of its namespace; units with
 * h("holdout:" + unitId) < holdout × 2³² are held out; targeting must be met. Then the unit takes part when
 * h(seed + ":enrol:" + unitId) < coverage × 2³², and sees the variant whose range holds h(seed + ":arm:" + unitId). Two
 * hashes, since one for both skews the split at low coverage; so a change of coverage never moves anybody from one
 * variant to another.
 * @param unitId any text; half surrogate pairs count as U+FFFD
 * @param meetsTargeting whether the unit's attributes meet `targeting`, of a test that has one
 * @throws TypeError for a `sticky` test, and for one with `targeting` when nobody says whether it is met: ask the service
 */
export function assign(test: Assignable, unitId: string, meetsTargeting?: boolean): Assignment {
  const prepared = known.get(test) ?? prepare(test)
  const { always, forced, namespace, heldOut, isTargeted, enrol, arm, below, starts, arms, outside } = prepared
  if (always) return always
  const choice = forced?.get(unitId)
  if (choice) return choice
  if (test.sticky) throw new TypeError('A sticky test is answered by the service only: who has seen a variant keeps it.')
  const length = encode(unitId)
  if (namespace) {
    const bucket = Math.floor((hashAfter(namespace.prefix, length) * buckets) / hashes)
    if (bucket < namespace.start || bucket >= namespace.end) return outside.namespace
  }
  if (heldOut > 0 && hashAfter(holdoutPrefix, length) < heldOut) return outside.holdout
  if (isTargeted) {
    if (meetsTargeting === undefined) throw new TypeError('The test has targeting: say whether the unit meets it, or ask the service.')
    if (!meetsTargeting) return outside.targeting
  }
  if (hashAfter(enrol, length) >= below) return outside.coverage
  return arms[rangeAt(starts, hashAfter(arm, length))]!
}

/** The place of the range that holds a hash. */
function rangeAt(starts: readonly number[], at: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (starts[middle]! <= at) low = middle
    else high = middle - 1
  }
  return low
}
