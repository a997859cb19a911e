/**
 * Row 17: jobs that do nothing, enqueued ahead in bulk and drained by two worker processes: ours, each the whole service
 * without a port, against `work()` of bare pg-boss with batches of the same size, in the same PostgreSQL. The rate is taken
 * from the first job that any of the two runs to the last. Ours claims in turn by workspace, makes a context for each job, and
 * fences what it writes; the rival does none of it. Reported beside it: the jobs of one workspace, and of a hundred.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { queueName, rivalSchema, type Tally } from '../lib/drain.ts'
import { type Measured, startMeasured } from '../lib/measured-process.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { type Installation, withService } from '../lib/service.ts'
import { alternate, medianOf, medianRatio, type Pair } from '../lib/stats.ts'

type Side = 'ours' | 'rival'
const script = new URL('../workers/drain.ts', import.meta.url)
const tables = { ours: 'pgboss.job_common', rival: `${rivalSchema}.job_common` } as const
const unfinished = `name = '${queueName}' and state < 'completed'`

async function withWorkers<T>({ databaseUrl }: Installation, side: Side, work: (workers: readonly Measured[]) => Promise<T>): Promise<T> {
  const workers: Measured[] = []
  try {
    // One after the other: pg-boss makes its tables at the first start.
    for (let n = 0; n < 2; n++) {
      const worker = startMeasured(script, { env: { DATABASE_URL: databaseUrl }, args: [side], probe: false })
      workers.push(worker)
      await worker.told('ready')
    }
    return await work(workers)
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()))
  }
}

const enqueue = ({ query }: Installation, side: Side, jobs: number, workspaces: number) =>
  query(
    `insert into ${tables[side]} (name, group_id, data)
     select '${queueName}', w, jsonb_build_object('payload', '{}'::jsonb, 'by', jsonb_build_object('workspaceId', w, 'actor', 'bench', 'requestId', 'bench'))
     from (select '00000000-0000-7000-8000-' || lpad((n % $2::int)::text, 12, '0') as w from generate_series(1, $1::int) n) w`,
    [jobs, workspaces],
  )

/** @returns jobs per second */
async function drain(
  installation: Installation,
  side: Side,
  workers: readonly Measured[],
  jobs: number,
  workspaces: number,
): Promise<number> {
  await enqueue(installation, side, jobs, workspaces)
  while ((await installation.query(`select 1 from ${tables[side]} where ${unfinished} limit 1`)).length > 0) await sleep(50)
  const tallies = await Promise.all(
    workers.map((worker) => {
      const told = worker.told<Tally>('tally')
      worker.send({ ask: 'tally' })
      return told
    }),
  )
  const count = tallies.reduce((sum, tally) => sum + tally.count, 0)
  if (count !== jobs) throw new Error(`${side}: ${jobs} jobs were enqueued and ${count} ran`)
  await installation.query(`delete from ${tables[side]} where name = '${queueName}'`)
  await installation.query(`vacuum analyze ${tables[side]}`)
  const began = tallies.filter((tally) => tally.count > 0)
  const seconds = (Math.max(...began.map(({ last }) => last)) - Math.min(...began.map(({ first }) => first))) / 1_000
  return jobs / seconds
}

const measure = (what: string, pairs: readonly Pair<number>[], bar: boolean): Measure => ({
  what,
  ours: figure(
    medianOf(pairs, 'ours', (rate) => rate),
    'jobs/s',
  ),
  rival: `bare pg-boss ${figure(
    medianOf(pairs, 'rival', (rate) => rate),
    'jobs/s',
  )}`,
  value: medianRatio(pairs, (rate) => rate),
  shown: times(medianRatio(pairs, (rate) => rate)),
  ...(bar && { bar: { atLeast: 0.8 } }),
})

export const jobsRow: Row = {
  id: '17',
  title: 'trivial jobs, two workers, against bare pg-boss',
  measure: ({ quick }) =>
    withService(async (_service, installation) => {
      const [jobs, rounds] = quick ? [20_000, 2] : [50_000, 3]
      const round = (side: Side, workspaces: number, of = jobs) =>
        withWorkers(installation, side, async (workers) => {
          await drain(installation, side, workers, Math.ceil(of / 10), workspaces) // warm
          return drain(installation, side, workers, of, workspaces)
        })
      const pairsOf = (workspaces: number) =>
        alternate(
          rounds,
          () => round('ours', workspaces),
          () => round('rival', workspaces),
        )
      return [
        measure('jobs per second, one workspace', await pairsOf(1), true),
        measure('jobs per second, 100 workspaces', await pairsOf(100), false),
      ]
    }),
}
