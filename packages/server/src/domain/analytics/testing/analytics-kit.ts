import { startTestApp, type TestAnswer, type TestApp } from '../../../testing/index.ts'

type Fields = Readonly<Record<string, unknown>>

export type Measured = TestApp &
  Readonly<{
    promptId: string
    /** An event that is accepted, with other fields. */
    event(fields?: Fields): Record<string, unknown>
    tell(...events: Fields[]): Promise<TestAnswer>
    /** Rollups as text, in order: the same bytes for the same state. */
    rollups(): Promise<string[]>
  }>

/** A service with one prompt that has two versions and the labels production and staging. */
export async function startMeasured(options: Parameters<typeof startTestApp>[0] = {}): Promise<Measured> {
  const t = await startTestApp(options)
  const made = await t.owner('POST', '/prompts', { category: 'measured', name: 'one', content: 'Hi', labels: ['production', 'staging'] })
  const promptId: string = made.body.id
  await t.owner('PUT', `/prompts/${promptId}/content`, { content: 'Hello' })
  const event = (fields: Fields = {}) => ({
    promptId,
    version: 1,
    provider: 'openai',
    model: 'gpt-4o',
    inputTokens: 1000,
    outputTokens: 100,
    latencyMs: 250,
    success: true,
    ...fields,
  })
  return {
    ...t,
    promptId,
    event,
    tell: (...events) => t.owner('POST', '/analytics/usage', { items: events }),
    rollups: async () => {
      const rows = await t.database.query<{ row: string }>(
        `select r::text as row from usage_rollup r order by workspace_id, grain, at, series`,
      )
      const users = await t.database.query<{ row: string }>(`select u::text as row from usage_user u order by workspace_id, at, user_hash`)
      return [...rows, ...users].map(({ row }) => row)
    },
  }
}
