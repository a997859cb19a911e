import { startTestApp, type TestAnswer, type TestApp } from '../../../testing/index.ts'
import type { Results } from '../model/report.ts'

/** The default workspace. */
export const workspaceId = '00000000-0000-7000-8000-000000000001'

type Fields = Readonly<Record<string, unknown>>

export type Tested = TestApp &
  Readonly<{
    promptId: string
    /** A test that runs, of the variants A (the control) and B. */
    started(fields?: Fields): Promise<string>
    /** What a unit is served. */
    select(testId: string, unitId: string): Promise<{ variant: string; exposureId: string }>
    tell(testId: string, ...items: Fields[]): Promise<TestAnswer>
    results(testId: string): Promise<Results>
    /** Exposures written, uses and outcomes counted. */
    settle(): Promise<void>
    /** Everything that is counted, as text, in order: the same for the same state. */
    counts(): Promise<string[]>
  }>

const counted: Readonly<Record<string, string>> = {
  ab_unit: 'n <> 0 or earlier_n <> 0',
  ab_sum: 'units <> 0 or n <> 0 or sum <> 0 or ss <> 0 or xx <> 0',
  ab_bin: 'n <> 0',
  ab_series: 'n <> 0',
  ab_exposed: 'units <> 0',
  ab_tally: 'true',
}

/** A service with one prompt that has two versions. Its running tests are looked at when a test says so, and never by schedule. */
export async function startTested(options: Parameters<typeof startTestApp>[0] = {}): Promise<Tested> {
  const t = await startTestApp(options)
  await t.database.query(`delete from job_schedule where name like 'ab_testing.%'`)
  const made = await t.owner('POST', '/prompts', { category: 'tested', name: 'one', content: 'Hi' })
  const promptId: string = made.body.id
  await t.owner('PUT', `/prompts/${promptId}/content`, { content: 'Hello' })
  const settle = async () => {
    await t.app.abTesting.settle()
    await t.app.analytics.settle()
    await t.app.abTesting.settle()
  }
  return {
    ...t,
    promptId,
    settle,
    async started(fields = {}) {
      const variants = ['A', 'B'].map((key, i) => ({ key, promptId, version: i + 1, weight: 1 }))
      const test = { name: `test ${Math.random()}`, variants, metric: { primary: 'success', direction: 'higher' }, start: true, ...fields }
      const { status, body } = await t.owner('POST', '/optimization/ab-tests', test)
      if (status !== 201) throw new Error(JSON.stringify(body))
      return body.id
    },
    async select(testId, unitId) {
      const { status, body } = await t.owner('GET', `/ab-tests/${testId}/select?unitId=${encodeURIComponent(unitId)}`)
      if (status !== 200) throw new Error(JSON.stringify(body))
      return body
    },
    tell: (testId, ...items) => t.owner('POST', `/optimization/ab-tests/${testId}/results`, { items }),
    results: async (testId) => (await t.owner('GET', `/ab-tests/${testId}/results`)).body,
    async counts() {
      const all: string[] = []
      for (const [table, where] of Object.entries(counted)) {
        const rows = await t.database.query<{ row: string }>(
          `select '${table} ' || r::text as row from ${table} r where ${where} order by 1`,
        )
        all.push(...rows.map(({ row }) => row))
      }
      return all
    },
  }
}
