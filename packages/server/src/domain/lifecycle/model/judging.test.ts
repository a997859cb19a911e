import { describe, expect, test } from 'vitest'
import type { Principal } from '../../../core/access.ts'
import { type Approval, approvalBlocker, compatibilityBlocker, demandsOf, freezesOn, lintBlocker, peopleFor } from './judging.ts'
import type { Policy } from './policies.ts'

const policy = (scope: string, rules: Partial<Policy> = {}): Policy => ({
  scope,
  approvals: 0,
  checks: [],
  freeze: [],
  compatibility: 'none',
  updatedBy: 'me',
  updatedAt: '2026-01-01T00:00:00.000Z',
  revision: 1,
  ...rules,
})
const change = { promptId: 'p', category: 'a', labels: [{ label: 'live', from: 1, to: 2 }] }

describe('what is asked of a change', () => {
  test('is the strictest of all policies that fit: workspace, category and label', () => {
    const policies = [
      policy('workspace', { approvals: 1, checks: ['lint'] }),
      policy('category:a', { approvals: 2, compatibility: 'backward' }),
      policy('label:live', { approvals: 1, checks: ['lint_strict'] }),
      policy('category:b', { approvals: 9 }),
      policy('label:other', { approvals: 9 }),
    ]
    expect(demandsOf(policies, { ...change, publishes: 3 })).toEqual([
      {
        promptId: 'p',
        category: 'a',
        label: 'live',
        version: 2,
        from: 1,
        approvals: { needed: 2, scope: 'category:a' },
        lint: { scope: 'label:live', grave: ['error', 'warning'] },
        compatible: 'category:a',
      },
      {
        promptId: 'p',
        category: 'a',
        version: 3,
        from: null,
        approvals: { needed: 2, scope: 'category:a' },
        lint: { scope: 'workspace', grave: ['error'] },
      },
    ])
  })

  test.each([
    ['a label that is taken away', { ...change, labels: [{ label: 'live', from: 1, to: null }] }, 0],
    ['a label that is set', { ...change, labels: [{ label: 'live', from: null, to: 1 }] }, 1],
    ['nothing that comes to be served', { ...change, labels: [] }, 0],
  ])('%s: %o: %i', (_name, one, count) => expect(demandsOf([policy('workspace', { approvals: 1 })], one)).toHaveLength(count))

  test('is nothing where nobody callers could run into was there before', () => {
    const [demand] = demandsOf([policy('workspace', { compatibility: 'backward' })], {
      ...change,
      labels: [{ label: 'x', from: null, to: 1 }],
    })
    expect(demand).not.toHaveProperty('compatible')
  })
})

test('a freeze of a category called like a label is none of the label', () => {
  const freeze = [{ from: '2026-01-01T00:00:00Z', to: '2027-01-01T00:00:00Z', reason: 'r' }]
  const found = freezesOn(
    [policy('category:live', { freeze }), policy('label:live', { freeze }), policy('label:other', { freeze })],
    change,
    '2026-06-01T00:00:00.000Z',
  )
  expect(found.map(({ scope, label }) => [scope, label])).toEqual([['label:live', 'live']])
})

describe('an approval counts', () => {
  const giver = (id: string, rights: Partial<Principal> = {}): [string, Principal] => [
    id,
    { id, workspaceId: 'w', permissions: new Set(['reviews:approve']), instanceAdmin: false, ...rights },
  ]
  const limited = (limit: object) => ({ limits: new Map([['reviews:approve', [limit]]]) })
  const present = new Map([
    giver('key:a'),
    giver('key:a2'),
    giver('user:b'),
    giver('user:weak', { permissions: new Set(['prompts:read']) }),
    giver('user:elsewhere', limited({ categories: ['b'] })),
    giver('user:staging', limited({ labels: ['staging'] })),
  ])
  const given = (by: string, more: Partial<Approval> = {}): Approval => ({
    reviewId: 'r',
    promptId: 'p',
    checksum: 'c',
    by,
    person: by,
    author: 'user:author',
    ...more,
  })
  const live = { category: 'a', label: 'live' }
  test.each<[string, Approval[], { category: string; label?: string }, number]>([
    ['once', [given('user:b')], live, 1],
    ['once for two keys of one person', [given('key:a', { person: 'ann' }), given('key:a2', { person: 'ann' })], live, 1],
    ['for each of two people', [given('key:a'), given('user:b')], live, 2],
    ['not by the author', [given('key:a', { person: 'user:author' })], live, 0],
    ['not of another text', [given('user:b', { checksum: 'd' })], live, 0],
    ['not of another prompt', [given('user:b', { promptId: 'q' })], live, 0],
    ['not by who is gone', [given('user:gone')], live, 0],
    ['not by who may approve no longer', [given('user:weak')], live, 0],
    ['not by who may elsewhere', [given('user:elsewhere')], live, 0],
    ['not by who may at another label', [given('user:staging')], live, 0],
    ['at the label where its giver may', [given('user:staging')], { category: 'a', label: 'staging' }, 1],
  ])('%s', (_name, approvals, place, count) =>
    expect(peopleFor(approvals, present, { promptId: 'p', checksum: 'c' }, place).size).toBe(count),
  )
})

describe('what is lacking', () => {
  const [demand] = demandsOf([policy('workspace', { approvals: 2, checks: ['lint'], compatibility: 'backward' })], change)
  test('is told with the scope and the label', () => {
    expect(approvalBlocker(demand!, 1)).toMatchObject({
      code: 'approvals',
      scope: 'workspace',
      label: 'live',
      detail: expect.stringContaining('2 people'),
    })
    expect(approvalBlocker(demand!, 2)).toBeUndefined()
    expect(lintBlocker(demand!, [{ severity: 'error', reason: 'It is broken.' }])).toMatchObject({
      code: 'check',
      detail: expect.stringContaining('It is broken.'),
    })
    expect(lintBlocker(demand!, [{ severity: 'warning', reason: 'Odd.' }])).toBeUndefined()
    expect(compatibilityBlocker(demand!, [])).toBeUndefined()
  })
})
