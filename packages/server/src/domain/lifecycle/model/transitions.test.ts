import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isAppError } from '../../../core/errors.ts'
import {
  allowedFrom,
  blockersOf,
  DeprecationInvalid,
  MoveNotAllowed,
  plan,
  rules,
  type Standing,
  type Status,
  transitions,
} from './transitions.ts'

const statuses: readonly Status[] = ['draft', 'review', 'published', 'deprecated', 'archived']
const id = '01900000-0000-7000-8000-000000000001'
const other = '01900000-0000-7000-8000-000000000002'
const at = '2026-03-01T12:00:00.000Z'
const later = '2026-09-01T00:00:00.000Z'
const standing = (status: Status, told: Partial<Standing> = {}): Standing => ({
  status,
  deprecatedAt: null,
  sunsetAt: null,
  successorId: null,
  ...told,
})
const failureOf = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    if (isAppError(error)) return error
    throw error
  }
  return undefined
}

describe('the table of moves', () => {
  test('has the edges of the contract and no others', () => {
    expect(transitions.map(({ from, to }) => `${from}→${to}`).sort()).toEqual(
      [
        'draft→review',
        'draft→published',
        'review→draft',
        'review→published',
        'published→deprecated',
        'deprecated→published',
        'deprecated→archived',
        'draft→archived',
        'archived→draft',
      ].sort(),
    )
  })

  test('leaves no status without a way out, and reaches every one from the first', () => {
    expect(statuses.filter((status) => allowedFrom(status).length === 0)).toEqual([])
    const reached = new Set<Status>(['draft'])
    for (const status of reached) for (const next of allowedFrom(status)) reached.add(next)
    expect([...reached].sort()).toEqual([...statuses].sort())
  })

  test('is what the rules tell, each edge with its conditions', () => {
    const told = rules()
    expect(told.transitions.map(({ from, to }) => [from, to])).toEqual(transitions.map(({ from, to }) => [from, to]))
    expect(told.statuses.map(({ status, allowed }) => [status, allowed])).toEqual(statuses.map((status) => [status, allowedFrom(status)]))
    for (const { conditions } of told.transitions) expect(conditions.map(({ code }) => code)).toContain('permission')
    const conditionsOf = (from: string, to: string) =>
      told.transitions.find((edge) => edge.from === from && edge.to === to)!.conditions.map(({ code }) => code)
    expect(conditionsOf('draft', 'published')).toContain('no_review_required')
    expect(conditionsOf('deprecated', 'archived')).toContain('not_followed')
  })

  test('says the same in the plan of a move as in its validation, for every pair', () => {
    for (const from of statuses)
      for (const to of statuses) {
        const blockers = blockersOf(from, to, { mayMove: true, followers: [] })
        const failure = failureOf(() => plan(id, standing(from), { status: to }, at))
        expect([from, to, blockers.length === 0]).toEqual([from, to, failure === undefined])
        if (failure) expect([failure.kind, failure.extras.members?.allowed]).toEqual([MoveNotAllowed, allowedFrom(from)])
      }
  })
})

test('each condition that is not met is a blocker of its own', () => {
  expect(blockersOf('draft', 'archived', { mayMove: false, followers: ['a/b', 'c/d'] })).toEqual([
    { code: 'permission', detail: expect.stringContaining('lifecycle:write') },
    { code: 'not_followed', detail: expect.stringContaining('a/b, c/d') },
  ])
  expect(blockersOf('draft', 'review', { mayMove: true, followers: ['a/b'] })).toEqual([])
})

describe('what is told of a deprecation', () => {
  const deprecated = standing('deprecated', { deprecatedAt: at, sunsetAt: later, successorId: other })

  test('begins with it, stays in the archive, and ends with a return', () => {
    expect(plan(id, standing('published'), { status: 'deprecated' }, at)).toEqual(standing('deprecated', { deprecatedAt: at }))
    expect(plan(id, standing('published'), { status: 'deprecated', sunsetAt: later, successorId: other }, at)).toEqual(deprecated)
    const archived = plan(id, deprecated, { status: 'archived' }, later)
    expect(archived).toEqual({ ...deprecated, status: 'archived' })
    expect(plan(id, archived, { status: 'draft' }, later)).toEqual(standing('draft'))
    expect(plan(id, deprecated, { status: 'published' }, later)).toEqual(standing('published'))
  })

  test('is changed field by field while it lasts: absent stays, null clears, and nothing new is no move', () => {
    expect(plan(id, deprecated, { status: 'deprecated', sunsetAt: null }, later)).toEqual({ ...deprecated, sunsetAt: null })
    expect(plan(id, deprecated, { status: 'deprecated', successorId: null }, later)).toEqual({ ...deprecated, successorId: null })
    for (const told of [{}, { sunsetAt: '2026-09-01T02:00:00+02:00' }, { successorId: other }])
      expect(failureOf(() => plan(id, deprecated, { status: 'deprecated', ...told }, later))?.kind).toBe(MoveNotAllowed)
  })

  test.each([
    ['a sunset before the deprecation', standing('published'), { status: 'deprecated', sunsetAt: '2026-02-28T00:00:00Z' }],
    ['a time that there is not', standing('published'), { status: 'deprecated', sunsetAt: '2026-12-31T23:59:60Z' }],
    ['itself as successor', standing('published'), { status: 'deprecated', successorId: id }],
    ['a sunset of what is not deprecated', standing('draft'), { status: 'review', sunsetAt: later }],
    ['a successor of what is not deprecated', standing('deprecated'), { status: 'archived', successorId: other }],
  ] as const)('is refused with its pointer: %s', (_, now, wanted) => {
    const failure = failureOf(() => plan(id, now, wanted, at))
    expect([failure?.kind, failure?.extras.errors?.length]).toEqual([DeprecationInvalid, 1])
  })
})

test('along any sequence of moves only edges are walked, and a deprecation is told exactly while it lasts', () => {
  const wanted = fc.record(
    { status: fc.constantFrom(...statuses), sunsetAt: fc.constantFrom(later, null), successorId: fc.constantFrom(other, null) },
    { requiredKeys: ['status'] },
  )
  fc.assert(
    fc.property(fc.array(wanted, { maxLength: 30 }), (moves) => {
      let now = standing('draft')
      for (const move of moves) {
        const before = now
        const failure = failureOf(() => {
          now = plan(id, now, move, at)
        })
        if (failure) {
          expect(now).toBe(before)
          continue
        }
        expect(allowedFrom(before.status).includes(now.status) || (before.status === 'deprecated' && now.status === 'deprecated')).toBe(
          true,
        )
        if (now.status === 'deprecated') expect(now.deprecatedAt).toBe(at)
        else if (now.status !== 'archived') expect(now).toEqual(standing(now.status))
        if (now.deprecatedAt === null) expect([now.sunsetAt, now.successorId]).toEqual([null, null])
      }
    }),
  )
})
