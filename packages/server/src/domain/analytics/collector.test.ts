import { expect, test } from 'vitest'
import { AppError } from '../../core/errors.ts'
import { unavailable } from '../../core/problem.ts'
import { createCollector, type Outcome } from './collector.ts'

const limits = { together: 10, writes: 2, worthAnother: 8, waiting: 20, bytes: 1_000 }
const stored = (items: readonly unknown[]): Outcome[] => items.map(() => 'stored')

/** A write that goes on when it is told to. */
function held() {
  const groups: (readonly number[])[] = []
  const go: (() => void)[] = []
  const write = (items: readonly number[]) =>
    new Promise<Outcome[]>((done) => {
      groups.push(items)
      go.push(() => done(stored(items)))
    })
  return { groups, write, next: () => go.shift()!() }
}
const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

test('what comes while a write is under way is written together by the next', async () => {
  const { groups, write, next } = held()
  const collector = createCollector(write, limits)
  const first = collector.add([1], 10)
  await turn()
  const more = [collector.add([2], 10), collector.add([3, 4], 10)]
  await turn()
  expect(groups).toEqual([[1]])
  next()
  expect(await first).toEqual(['stored'])
  await turn()
  expect(groups).toEqual([[1], [2, 3, 4]])
  next()
  expect(await Promise.all(more)).toEqual([['stored'], ['stored', 'stored']])
})

test('much that waits is worth a second write, and never a third', async () => {
  const { groups, write, next } = held()
  const collector = createCollector(write, limits)
  const answers = [collector.add([1], 10)]
  await turn()
  answers.push(collector.add([2, 3, 4, 5, 6, 7, 8, 9], 10))
  await turn()
  answers.push(collector.add([10, 11, 12, 13, 14, 15, 16, 17], 10))
  await turn()
  expect(groups.map(({ length }) => length)).toEqual([1, 8])
  for (let n = 0; n < 2; n++) next()
  await turn()
  next()
  await Promise.all(answers)
  await collector.stop()
})

test('more than may wait is refused with 503 and Retry-After, and nothing of it is taken', async () => {
  const { write, next, groups } = held()
  const collector = createCollector(write, limits)
  const first = collector.add(
    Array.from({ length: 19 }, (_, i) => i),
    10,
  )
  for (const [items, bytes] of [
    [[1, 2], 1],
    [[1], 991],
  ] as const) {
    const refused = await collector.add(items, bytes).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(AppError)
    expect([(refused as AppError).kind.status, (refused as AppError).extras.headers]).toEqual([503, { 'Retry-After': '1' }])
  }
  await turn()
  next()
  expect(await first).toHaveLength(19)
  expect(groups).toHaveLength(1)
  const after = collector.add([1, 2], 1)
  await turn()
  next()
  expect(await after).toHaveLength(2)
})

test('a database that is away is told to all who wait; one bad item is told to its own caller', async () => {
  const away = createCollector(async () => Promise.reject(unavailable('away')), limits)
  const answers = await Promise.allSettled([away.add([1], 1), away.add([2], 1)])
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  const picky = createCollector(async (items: readonly number[]) => {
    if (items.includes(13)) throw new Error('unlucky')
    return stored(items)
  }, limits)
  expect(await Promise.all([picky.add([1, 2], 1), picky.add([13], 1), picky.add([4, 13, 5], 1)])).toEqual([
    ['stored', 'stored'],
    ['unstorable'],
    ['stored', 'unstorable', 'stored'],
  ])
})
