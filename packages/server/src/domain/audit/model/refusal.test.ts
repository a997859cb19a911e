import { expect, test } from 'vitest'
import { createTally } from './refusal.ts'

const attempt = (n: number, at: string, endpoint = 'prompts.update') => ({
  workspaceId: 'w',
  actor: `key:${n}`,
  endpoint,
  permission: 'prompts:write',
  requestId: `r ${at}`,
  at,
})

test('attempts of one kind are one, with the first and the last time and the last request', () => {
  const tally = createTally(10)
  for (const at of ['1', '2', '3']) tally.add(attempt(1, at))
  tally.add(attempt(1, '4', 'prompts.delete'))
  expect(tally.take()).toMatchObject([
    { actor: 'key:1', endpoint: 'prompts.update', count: 3, firstAt: '1', lastAt: '3', requestId: 'r 3' },
    { endpoint: 'prompts.delete', count: 1 },
  ])
  expect(tally.take()).toEqual([])
})

test('memory is bounded: beyond it attempts are counted together, and none is lost', () => {
  const tally = createTally(3)
  for (let n = 0; n < 1000; n++) tally.add(attempt(n, String(n).padStart(4, '0')))
  const taken = tally.take()
  expect(taken).toHaveLength(4)
  expect(taken.at(-1)).toMatchObject({
    actor: 'several',
    endpoint: 'several',
    permission: 'several',
    count: 997,
    firstAt: '0003',
    lastAt: '0999',
  })
})

test('what could not be written is counted on', () => {
  const tally = createTally(10)
  tally.add(attempt(1, '1'))
  const taken = tally.take()
  tally.add(attempt(1, '2'))
  tally.restore(taken)
  expect(tally.take()).toMatchObject([{ count: 2, firstAt: '1', lastAt: '2', requestId: 'r 2' }])
})
