/**
 * Row 27: the results of a test as its outcomes grow: 10⁴, 10⁶, 10⁷ of 20,000 units. Exposures and outcomes are put into the
 * tables by SQL and counted by the service itself, which is woken by one outcome that comes over HTTP.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { call } from '../lib/load.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { type Installation, type Service, withService, workspaceId } from '../lib/service.ts'
import { median } from '../lib/stats.ts'

const units = 20_000
const atOnce = 100_000
const hash = (n: string) => `decode(lpad(to_hex(${n}), 16, '0'), 'hex')`

async function startTest({ port }: Service): Promise<string> {
  const ids: string[] = []
  for (const name of ['control', 'other'])
    ids.push((await call<{ id: string }>(port, 'POST', '/api/v1/prompts', { content: name, category: 'bench', name })).id)
  const [promptAId, promptBId] = ids
  const body = { name: 'bench', promptAId, promptBId, secondary: [{ metric: 'latencyMs', direction: 'lower' }], start: true }
  return (await call<{ id: string }>(port, 'POST', '/api/v1/optimization/ab-tests', body)).id
}

const expose = ({ query }: Installation, testId: string) =>
  query(
    `insert into ab_exposure (workspace_id, test_id, unit_hash, phase, variant, checksum, first_at)
     select $1, $2, ${hash('n')}, 1, case when n % 2 = 0 then 'A' else 'B' end, '', now() - interval '2 days' from generate_series(0, ${units - 1}) n`,
    [workspaceId, testId],
  )

const addOutcomes = ({ query }: Installation, testId: string, from: number, to: number) =>
  query(
    `insert into ab_outcome (workspace_id, test_id, unit_hash, at, claimed, success, latency_us, latency_bin)
     select $1, $2, ${hash(`n % ${units}`)}, now() - (n % 86400) * interval '1 second', '', case when n % 5 = 0 then 0 else 1 end, 200000 + n % 100000, 700
     from generate_series($3::bigint, $4::bigint - 1) n`,
    [workspaceId, testId, from, to],
  )

/** Tell one more outcome, and wait until all are counted. */
async function count({ port }: Service, { query }: Installation, testId: string): Promise<void> {
  await call(port, 'POST', `/api/v1/optimization/ab-tests/${testId}/results`, { unitId: 'woken', success: true })
  const left = 'select exists (select 1 from ab_outcome where xid >= (select horizon from ab_fold)) as left'
  while ((await query<{ left: boolean }>(left))[0]!.left) await sleep(50)
}

async function timed({ port }: Service, testId: string, looks: number): Promise<number> {
  const took: number[] = []
  for (let n = 0; n < looks; n++) {
    const startedAt = performance.now()
    await call(port, 'GET', `/api/v1/ab-tests/${testId}/results`)
    took.push(performance.now() - startedAt)
  }
  return median(took.slice(5))
}

export const testResultsRow: Row = {
  id: '27',
  title: 'Results of a test as its outcomes grow',
  measure: ({ quick, note }) =>
    withService(async (service, installation): Promise<Measure[]> => {
      const testId = await startTest(service)
      await expose(installation, testId)
      const measures: Measure[] = []
      let [stored, first] = [0, 0]
      for (const outcomes of quick ? [10_000, 200_000] : [10_000, 1_000_000, 10_000_000]) {
        const startedAt = performance.now()
        for (; stored < outcomes; stored = Math.min(outcomes, stored + atOnce)) {
          await addOutcomes(installation, testId, stored, Math.min(outcomes, stored + atOnce))
          await count(service, installation, testId)
        }
        note(`${outcomes.toLocaleString('en')} outcomes stored and counted in ${figure((performance.now() - startedAt) / 1000, 's')}`)
        const ms = await timed(service, testId, quick ? 40 : 200)
        if (first === 0) first = ms
        else
          measures.push({
            what: `results of a test at ${outcomes.toLocaleString('en')} outcomes`,
            ours: figure(ms, 'ms'),
            rival: `at 10,000 ${figure(first, 'ms')}`,
            value: ms / first,
            shown: times(ms / first),
            bar: { atMost: 1.5 },
          })
      }
      return measures
    }),
}
