import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FeedEvent } from '../events.ts'
import { type Confirmation, createFollower } from './follower.ts'
import { firstConfirmation } from './heartbeat.ts'

const eventOf = (id: number, xid: number, position: number | null = null): FeedEvent => ({
  id,
  xid: String(xid),
  position,
  workspaceId: 'w',
  type: 't',
  subject: 's',
  data: {},
})
const nothing: Confirmation = { head: 0, horizon: 1n, events: [], truncated: false }
const settle = () => new Promise((resolve) => setImmediate(resolve))

test('a thousand callers of confirm cost two reads: the one that runs, and one that begins after their call', async () => {
  let reads = 0
  const follower = createFollower(
    async () => {
      reads++
      await settle()
      return nothing
    },
    () => 0,
  )
  const first = follower.confirm()
  await Promise.all([first, ...Array.from({ length: 1_000 }, () => follower.confirm())])
  expect(reads).toBe(2)
  await follower.confirm()
  expect(reads).toBe(3)
})

test('a read that fails is told to those who waited for it; those who came later get one of their own', async () => {
  const outcomes: (() => Promise<Confirmation>)[] = [() => settle().then(() => Promise.reject(new Error('away'))), async () => nothing]
  const follower = createFollower(
    () => outcomes.shift()!(),
    () => 0,
  )
  const [first, second] = await Promise.allSettled([follower.confirm(), follower.confirm()])
  expect([first.status, second.status, follower.isAway()]).toEqual(['rejected', 'fulfilled', false])
})

test('it is current for a second from the beginning of its last read, and away while reads fail or hang', async () => {
  let time = 0
  let read: () => Promise<Confirmation> = async () => {
    time += 300
    return nothing
  }
  const follower = createFollower(
    () => read(),
    () => time,
  )
  expect([follower.isCurrent(), follower.isAway()]).toEqual([false, false])
  await follower.confirm()
  expect([follower.isCurrent(), follower.age()]).toEqual([true, 300])
  time = 999
  expect(follower.isCurrent()).toBe(true)
  time = 1_000
  expect([follower.isCurrent(), follower.isAway()]).toEqual([false, false])
  read = async () => Promise.reject(new Error('away'))
  await expect(follower.confirm()).rejects.toThrow('away')
  expect(follower.isAway()).toBe(true)
  read = async () => nothing
  await follower.confirm()
  expect([follower.isCurrent(), follower.isAway()]).toEqual([true, false])
  let end: (confirmation: Confirmation) => void = () => undefined
  read = () => new Promise((resolve) => (end = resolve))
  const hanging = follower.confirm()
  time += 1_001
  expect(follower.isAway()).toBe(true)
  end(nothing)
  await hanging
  expect(follower.isAway()).toBe(false)
})

test('who looks at what is kept waits for a read that hangs for a second at the most, and then knows that the feed is away', async () => {
  let time = 0
  const begun = performance.now()
  let stopped: number | undefined
  let reads = 0
  const end = Promise.withResolvers<Confirmation>()
  const follower = createFollower(
    () => {
      reads++
      return end.promise
    },
    () => stopped ?? time + performance.now() - begun,
  )
  const first = follower.confirm()
  time = 900
  await Promise.all([follower.refresh(), follower.refresh()])
  expect([follower.isCurrent(), follower.isAway(), reads]).toEqual([false, true, 1])
  await follower.refresh()
  expect(reads).toBe(1)
  stopped = time + performance.now() - begun
  end.resolve(nothing)
  await first
  await expect.poll(() => follower.isCurrent()).toBe(true) // by the read that those who waited had asked for
  await follower.refresh()
  expect([follower.isAway(), reads]).toEqual([false, 2])
})

test('a service that starts while the database hangs waits for its first read, for a while', async () => {
  let failures = 3
  const follower = createFollower(
    async () => {
      if (failures-- > 0) throw new Error('it hangs')
      return nothing
    },
    () => performance.now(),
  )
  await firstConfirmation(follower)
  expect([failures, follower.isCurrent()]).toEqual([-1, true])
})

test('when more happened than is worth listing, everything is to be forgotten', async () => {
  const follower = createFollower(
    async () => ({ ...nothing, head: 7, truncated: true }),
    () => 0,
  )
  const told: boolean[] = []
  follower.subscribe(({ everything }) => told.push(everything))
  await follower.confirm()
  expect([told, follower.position()]).toEqual([[true], 7])
})

/** A database in which transactions begin, commit and are placed in any order; reads are snapshots. */
function database() {
  let nextId = 1
  let head = 0
  const open: FeedEvent[] = []
  const committed: { event: FeedEvent; position: number | null }[] = []
  const reads: { run: (fails: boolean) => void }[] = []
  return {
    open,
    committed,
    reads,
    begin: () => void open.push(eventOf(nextId, 100 + nextId++)),
    commit: (nth: number): FeedEvent | undefined => {
      const [event] = open.splice(nth % Math.max(1, open.length), 1)
      if (event) committed.push({ event, position: null })
      return event
    },
    place: () => {
      for (const one of committed.filter(({ position }) => position === null).sort((a, b) => a.event.id - b.event.id)) one.position = ++head
    },
    /** The snapshot is taken now; it arrives when it is run. */
    read: (since: number): Promise<Confirmation> => {
      const events = committed
        .filter(({ position }) => position === null || position > since)
        .map(({ event, position }) => ({ ...event, position }))
      const horizon = BigInt(Math.min(100 + nextId, ...open.map(({ xid }) => Number(xid))))
      const snapshot = { head, horizon, events, truncated: false }
      return new Promise((resolve, reject) => reads.push({ run: (fails) => (fails ? reject(new Error('away')) : resolve(snapshot)) }))
    },
  }
}

const step = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ do: 'begin' as const, nth: 0 }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const), nth: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('commit here' as const), nth: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'place' as const, nth: 0 }) },
  { weight: 3, arbitrary: fc.constant({ do: 'confirm' as const, nth: 0 }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('arrive' as const, 'arrive' as const, 'fail' as const), nth: fc.constant(0) }) },
)

test('no event is lost and none is told twice, however commits, placing and reads interleave and whatever reads fail', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const db = database()
      const follower = createFollower(db.read, () => 0)
      const told: number[] = []
      follower.subscribe(({ events }) => told.push(...events.map(({ id }) => id)))
      const first = follower.confirm()
      db.reads.shift()!.run(false)
      await first
      const confirms: Promise<unknown>[] = []
      const confirm = () => {
        const due = db.committed.map(({ event }) => event)
        confirms.push(
          follower.confirm().then(
            () => {
              expect(told).toEqual(expect.arrayContaining(due.map(({ id }) => id)))
              for (const { xid } of due) expect(follower.hasApplied(BigInt(xid))).toBe(true)
            },
            () => undefined,
          ),
        )
      }
      for (const { do: what, nth } of steps) {
        if (what === 'begin') db.begin()
        else if (what === 'commit') db.commit(nth)
        else if (what === 'commit here') {
          const event = db.commit(nth)
          if (event) follower.committed([event])
        } else if (what === 'place') db.place()
        else if (what === 'confirm') confirm()
        else db.reads.shift()?.run(what === 'fail')
        await settle()
        expect(db.reads.length).toBeLessThanOrEqual(1)
        for (const { xid } of db.open) expect(follower.hasApplied(BigInt(xid))).toBe(false)
        for (const { event } of db.committed) expect(follower.hasApplied(BigInt(event.xid)) && !told.includes(event.id)).toBe(false)
      }
      confirm()
      while (db.reads.length > 0) {
        db.reads.shift()!.run(false)
        await settle()
      }
      await Promise.all(confirms)
      expect(told.toSorted((a, b) => a - b)).toEqual(db.committed.map(({ event }) => event.id).sort((a, b) => a - b))
    }),
    { numRuns: 300 },
  )
})
