import { expect, vi } from 'vitest'
import type { Call, TestAnswer } from '../../../testing/index.ts'

/** Search, with the consistency token of a write where one is given. */
export async function find(call: Call, query: string, fields: Record<string, unknown> = {}, token?: string): Promise<TestAnswer> {
  const headers: Record<string, string> = token ? { 'x-consistency-token': token } : {}
  return call('POST', '/prompts/search', { query, ...fields }, headers)
}

/** Names of what is found, best first. */
export async function names(call: Call, query: string, fields: Record<string, unknown> = {}): Promise<string[]> {
  const answer = await find(call, query, fields)
  expect(answer.status, answer.text).toBe(200)
  return answer.body.items.map(({ name }: { name: string }) => name)
}

/** Wait until the index has all writes so far of the caller's workspace. */
export async function indexed(call: Call): Promise<void> {
  const made = await call('POST', '/prompts', { content: 'x', category: 'marker', name: `marker ${Math.random()}` })
  const token = made.headers.get('x-consistency-token')!
  const isBehind = async () => (await find(call, 'x', { filters: { category: 'marker' } }, token)).body.warnings.length > 0
  await vi.waitFor(async () => expect(await isBehind()).toBe(false), { timeout: 60_000, interval: 50 })
}
