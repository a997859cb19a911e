import { expect } from 'vitest'
import { type Tested, workspaceId } from './test-kit.ts'

const units = `decode(lpad(to_hex(hashtextextended($2 || i, 7)), 16, '0'), 'hex')`

type Arm = Readonly<{ n: number; successes: number; latencyMs?: number }>

/** Units that were exposed and have an outcome each, as if they had come one by one; counted. */
export async function outcomesOf(t: Tested, testId: string, arms: Readonly<Record<string, Arm>>): Promise<void> {
  for (const [variant, { n, successes, latencyMs }] of Object.entries(arms)) {
    await t.database.query(
      `insert into ab_exposure (workspace_id, test_id, unit_hash, phase, variant, checksum, first_at)
       select $4, $1, ${units}, 1, $2, 'c', now() - interval '1 hour' from generate_series(1, $3::int) i`,
      [testId, variant, n, workspaceId],
    )
    await t.database.query(
      `insert into ab_outcome (workspace_id, test_id, unit_hash, at, claimed, success, latency_us)
       select $5, $1, ${units}, now(), '', (i <= $4::int)::int, $6::float8 * 1000 + i % 100 * 1000 from generate_series(1, $3::int) i`,
      [testId, variant, n, successes, workspaceId, latencyMs ?? null],
    )
  }
  await t.settle()
}

let made = 0
/** A test on the label production: its control is version 1 of a prompt, B is version 2 of it or, `elsewhere`, another prompt. */
export async function aTestOnProduction(t: Tested, { elsewhere = false, fields = {} }: { elsewhere?: boolean; fields?: object } = {}) {
  const category = `ends ${++made}`
  const prompt = async (name: string, content: string) =>
    (await t.owner('POST', '/prompts', { category, name, content, labels: ['production'] })).body.id as string
  const controlId = await prompt('control', 'Hello')
  await t.owner('PUT', `/prompts/${controlId}/content`, { content: 'Hi' })
  const winnerId = elsewhere ? await prompt('other', 'Good day') : controlId
  const variants = [
    { key: 'A', promptId: controlId, version: 1 },
    { key: 'B', promptId: winnerId, version: elsewhere ? 1 : 2 },
  ]
  const id = await t.started({ variants, overlayLabel: 'production', minimumSampleSize: 100, minimumDays: 0, ...fields })
  return { id, category, controlId, winnerId }
}
export type Made = Awaited<ReturnType<typeof aTestOnProduction>>

const ok = async (answer: ReturnType<Tested['owner']>) => {
  const { status, text } = await answer
  expect(status, text).toBeLessThan(300)
}
const newVersion = async (t: Tested, id: string) => {
  const { body } = await t.owner('PUT', `/prompts/${id}/content`, { content: `Other ${++made}` })
  return body.version as number
}

/** What may happen to a test's prompts while it runs, by the API. */
export const mishaps = {
  deleted: (t: Tested, id: string) => ok(t.owner('DELETE', `/prompts/${id}?force=true`)),
  archived: (t: Tested, id: string) => ok(t.owner('PUT', `/prompts/${id}/lifecycle`, { status: 'archived', reason: 'Old' })),
  'given a new version': async (t: Tested, id: string) => {
    await newVersion(t, id)
  },
  moved: async (t: Tested, id: string) => ok(t.owner('PUT', `/prompts/${id}/labels/production`, { version: await newVersion(t, id) })),
  'taken away': (t: Tested, id: string) => ok(t.owner('DELETE', `/prompts/${id}/labels/production`)),
} as const
export type Mishap = keyof typeof mishaps

/** Run the job of each minute once. @returns what it failed with, if it did */
export async function runWatch(t: Tested): Promise<Error | undefined> {
  const job = t.app.modules.flatMap(({ jobs = [] }) => jobs).find(({ name }) => name === 'ab_testing.watch_tests')!
  const principal = { id: 'jobs', workspaceId, permissions: new Set<string>(), instanceAdmin: false }
  return job.run({}, t.app.runtime.contextFor(principal, { requestId: 'test' })).then(
    () => undefined,
    (error) => error,
  )
}
