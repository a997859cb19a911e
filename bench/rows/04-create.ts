/**
 * Row 4: create prompts of 1.5 kB through HTTP at 16 clients, answered after commit.
 * The rival writes the same rows into the same PostgreSQL by bare `pg`, with as many clients and round trips: what the
 * database alone allows. That it is the same work is not taken on trust: the round trips of ours are counted on the wire
 * and must be as many as the rival's, and the rows that both leave are compared. Each turn begins when the service has
 * placed, sealed and indexed all that was written before, the rival's rows too: else ours would pay for the rival's.
 */
import { promptText, variables } from '../lib/data.ts'
import { type Cost, call, costOf, type Generator, send, withGenerator } from '../lib/load.ts'
import { type Measured, startMeasured } from '../lib/measured-process.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row, RowOptions } from '../lib/row.ts'
import { type Installation, type Service, withAnother, withService, workspaceId } from '../lib/service.ts'
import { alternate, medianOf, medianRatio, type Pair } from '../lib/stats.ts'
import { withWire } from '../lib/wire.ts'
import { roundTrips, type WriterJob } from '../workers/raw-writer.ts'

const clients = 16
const body = (name: string) => ({ category: 'bench', name, content: `${promptText} ########`, variables })

type Round = Readonly<{ perSecond: number; cpuPerRequest: number }>

async function withWriter<T>(work: (write: (job: WriterJob) => Promise<Round>) => Promise<T>): Promise<T> {
  const writer: Measured = startMeasured(new URL('../workers/raw-writer.ts', import.meta.url))
  let jobs = 0
  try {
    return await work(async (job) => {
      const id = `job-${++jobs}`
      const before = await writer.usage()
      writer.send({ id, job })
      const { result, error } = await writer.told<{ result: { requests: number; perSecond: number }; error?: string }>(id)
      if (error) throw new Error(`the rival failed: ${error}`)
      const after = await writer.usage()
      return { perSecond: result.perSecond, cpuPerRequest: (after.cpuMicros - before.cpuMicros) / result.requests }
    })
  } finally {
    await writer.stop()
  }
}

/** Wait until nothing of what was written is left to be done. */
export async function settled({ query }: Installation): Promise<void> {
  for (;;) {
    const [state] = await query<{ done: boolean }>(
      `select not exists (select 1 from outbox where position is null)
         and not exists (select 1 from audit_entry where sequence > (select coalesce(max(through), 0) from audit_block))
         and (select position from search_progress) >= (select position from feed_head) as done`,
    )
    if (state?.done) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function compare(generator: Generator, service: Service, installation: Installation, quick: boolean): Promise<Pair<Round>[]> {
  const ms = quick ? 800 : 2_000
  const requests = [send('POST', '/api/v1/prompts', body('ours ########'))]
  let from = 0
  const ours = async (length = ms): Promise<Cost> => {
    const cost = await costOf(generator, service, { port: service.port, connections: clients, requests, from, limit: { ms: length } }, [
      '201',
    ])
    from += cost.requests
    return cost
  }
  return withWriter(async (write) => {
    const rival = (length = ms) =>
      write({
        databaseUrl: installation.databaseUrl,
        workspaceId,
        clients,
        ms: length,
        content: promptText,
        variables: JSON.stringify(variables),
        prefix: 'rival',
      })
    // Long enough for the optimizing compiler: a service that has run for a minute is what is asked about.
    await ours(quick ? 1_500 : 6_000)
    await rival(quick ? 1_500 : 6_000)
    return alternate(
      quick ? 4 : 8,
      () => settled(installation).then(() => ours()),
      () => settled(installation).then(() => rival()),
    )
  })
}

/** How many rows of each table a prompt of each side has left; both must have left the same. */
async function rowsOf({ query }: Installation, side: string): Promise<string> {
  const [found] = await query<{ rows: string }>(
    `with made as (select id from prompt where name like $1), n as (select count(*)::numeric as n from made)
     select format('%s versions, %s labels, %s moves, %s events, %s audit entries',
       round((select count(*) from prompt_version where prompt_id in (select id from made)) / n, 2), round((select count(*) from prompt_label where prompt_id in (select id from made)) / n, 2),
       round((select count(*) from prompt_label_move where prompt_id in (select id from made)) / n, 2),
       round((select count(*) from outbox where subject in (select id::text from made)) / n, 2),
       round((select count(*) from audit_entry where subject in (select id::text from made)) / n, 2)) as rows from n`,
    [`${side} %`],
  )
  return found!.rows
}

async function assertSameRows(installation: Installation): Promise<void> {
  const [ours, rival] = [await rowsOf(installation, 'ours'), await rowsOf(installation, 'rival')]
  if (ours !== rival)
    throw new Error(`the rival does not write what the service writes: ${rival} against ${ours}. Mend workers/raw-writer.ts.`)
}

/** Round trips of one create: those of 20 in a row, without what works in the background. */
const roundTripsOf = ({ dataDir }: Installation): Promise<number> =>
  withWire(dataDir, (wire) =>
    withAnother(dataDir, { DATABASE_URL: wire.databaseUrl }, async ({ port }) => {
      const create = (n: number) => call(port, 'POST', '/api/v1/prompts', body(`counted ${n}`))
      await create(0)
      wire.reset()
      for (let n = 1; n <= 20; n++) await create(n)
      const ofRequests = [...wire.statements()].filter(
        ([text]) => !/^commit|ps_system|feed|pgboss|pg_notify|search_|audit_block|audit_entry/.test(text),
      )
      const sum = (some: typeof ofRequests) => some.reduce((all, [, n]) => all + n, 0)
      // What works in the background commits too; a request does so once for each of its own beginnings.
      const commits = sum(ofRequests.filter(([text]) => /^(\+ )?begin/.test(text)))
      return Math.round((sum(ofRequests.filter(([text]) => !text.startsWith('+ '))) + commits) / 20)
    }),
  )

function measures(pairs: readonly Pair<Round>[]): Measure[] {
  const rate = (one: Round) => one.perSecond
  const cpu = (one: Round) => one.cpuPerRequest
  const ratio = medianRatio(pairs, rate)
  return [
    {
      what: 'create: prompts per second',
      ours: figure(medianOf(pairs, 'ours', rate), '/s'),
      rival: `bare pg ${figure(medianOf(pairs, 'rival', rate), '/s')}`,
      value: ratio,
      shown: times(ratio),
      bar: { atLeast: 0.5 },
      aim: { atLeast: 0.8 },
      note: `${clients} clients; ${roundTrips} round trips each (counted); ours shares the cores with its load generator, the rival does not`,
    },
    {
      what: 'create: CPU of the Node process per prompt',
      ours: figure(medianOf(pairs, 'ours', cpu), 'µs'),
      rival: `bare pg ${figure(medianOf(pairs, 'rival', cpu), 'µs')}`,
      value: 1 / medianRatio(pairs, cpu),
      shown: times(1 / medianRatio(pairs, cpu)),
    },
  ]
}

export const create: Row = {
  id: '4',
  title: 'Create prompts against the same rows by bare pg',
  measure: ({ quick }: RowOptions) =>
    withService(async (service, installation) => {
      const counted = await roundTripsOf(installation)
      if (counted !== roundTrips)
        throw new Error(`a prompt takes ${counted} round trips, the rival ${roundTrips}. Mend workers/raw-writer.ts.`)
      const pairs = await withGenerator((generator) => compare(generator, service, installation, quick))
      await assertSameRows(installation)
      return measures(pairs)
    }),
}
