import { expect } from 'vitest'
import type { Call, TestAnswer, TestApp } from '../../../testing/index.ts'

const wait = { prefer: 'wait=30' }
export const ndjson = { 'content-type': 'application/x-ndjson' }

/** Items by the outcome they must have. */
export type Told = {
  index: number
  outcome: string
  promptId: string | null
  version: number | null
  problem: null | { code: string; status: number; detail: string; errors?: { pointer: string }[] }
}

/** Send an operation and wait for its end. @returns it, with its items when they are few */
export async function bulk(call: Call, method: string, path: string, body: unknown, headers = {}): Promise<TestAnswer> {
  const answer = await call(method, path, body, { ...wait, ...headers })
  expect([answer.status, answer.text]).toEqual([200, answer.text])
  return answer
}

/** What became of each item, as a text: its outcome, or the code of its problem. */
export const outcomesOf = ({ body }: TestAnswer): string[] => (body.items as Told[]).map(({ outcome, problem }) => problem?.code ?? outcome)

/** Wait until an operation that was answered 202 is over. */
export async function over(call: Call, id: string): Promise<TestAnswer> {
  let answer: TestAnswer | undefined
  await expect
    .poll(
      async () => {
        answer = await call('GET', `/bulk/operations/${id}`)
        return answer.body.finishedAt
      },
      { interval: 20 },
    )
    .not.toBeNull()
  return answer!
}

export const linesOf = (items: readonly unknown[]): string => items.map((item) => `${JSON.stringify(item)}\n`).join('')

/** Events of a type, by their subject. */
export const told = async (t: TestApp, type: string): Promise<string[]> =>
  (await t.database.query<{ subject: string }>('select subject from outbox where type = $1 order by id', [type])).map(
    ({ subject }) => subject,
  )
