import { expect } from 'vitest'
import type { Call, TestAnswer, TestApp } from '../../../testing/index.ts'

export type Told = Readonly<{ id: string; type: string; subject: string; timestamp: string; data: Record<string, unknown>; actor: string }>

/** Wait until all that was committed is in the log. */
export const placed = (t: Pick<TestApp, 'database'>) =>
  expect.poll(() => t.database.query('select 1 from outbox where position is null'), { interval: 20 }).toEqual([])

/** The owner of a workspace of its own, in whose log is what the test puts there. */
export async function emptyLog(t: TestApp) {
  const call = await t.stranger()
  await placed(t)
  await t.database.query('delete from outbox where workspace_id = $1', [call.workspaceId])
  return call
}

/** Walk the log from a query to its end. */
export async function follow(call: Call, query: string): Promise<{ events: Told[]; cursor: string }> {
  const events: Told[] = []
  for (let next: string | null = null; ; ) {
    const { status, body, text }: TestAnswer<{ items: Told[]; nextCursor: string | null; cursor: string }> = await call(
      'GET',
      `/notifications/events${query}${next === null ? '' : `&cursor=${next}`}`.replace(/cursor=[^&]*&(.*cursor=)/, '$1'),
    )
    expect(status, text).toBe(200)
    events.push(...body.items)
    next = body.nextCursor
    if (next === null) return { events, cursor: body.cursor }
  }
}
