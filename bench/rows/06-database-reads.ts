/**
 * Row 6: statements that reach the database while 1,000 warm prompts are served, at two rates and two sizes of the store.
 * The limit is one small read of the change feed per instance and second (the instance confirms every 0.9 s): nothing
 * may grow with the traffic or with the number of prompts. Counted on the wire between this instance and the database, so
 * that neither the statistics' delay nor other clients blur it; what the job queue polls is shown apart.
 */
import { fill, hotPath, nameOf } from '../lib/data.ts'
import { type Generator, get, withGenerator } from '../lib/load.ts'
import { figure, type Measure } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { type Installation, type Service, withAnother, withService } from '../lib/service.ts'
import { type Wire, withWire } from '../lib/wire.ts'

const served = 1_000
const requests = Array.from({ length: served }, (_, i) => get(hotPath('bench', nameOf(i + 1))))

type Reads = Readonly<{ feed: number; prompts: number; queue: number; servedPerSecond: number }>

/** Statements by who sends them. A transaction of the request path counts with all its statements. */
function split(statements: ReadonlyMap<string, number>, seconds: number): Omit<Reads, 'servedPerSecond'> {
  const counts = { feed: 0, prompts: 0, queue: 0 }
  for (const [text, n] of statements)
    counts[/feed/.test(text) ? 'feed' : /pgboss|job|queue/i.test(text) ? 'queue' : 'prompts'] += n / seconds
  return counts
}

async function observe(generator: Generator, service: Service, wire: Wire, perSecond: number, ms: number): Promise<Reads> {
  await generator.run({ port: service.port, connections: 16, requests, limit: { count: served } }) // warm
  wire.reset()
  const startedAt = performance.now()
  const load = await generator.run({ port: service.port, connections: perSecond > 2_000 ? 32 : 8, requests, perSecond, limit: { ms } })
  return { ...split(wire.statements(), (performance.now() - startedAt) / 1000), servedPerSecond: load.perSecond }
}

const measureOf = (size: string, { feed, prompts, queue, servedPerSecond }: Reads): Measure => ({
  what: `reads of the database per second, ${figure(servedPerSecond)} served/s, ${size} prompts`,
  ours: `${figure(feed, '/s')} of the feed, ${figure(prompts, '/s')} for prompts`,
  rival: 'one per instance and second',
  value: feed + prompts,
  shown: figure(feed + prompts, '/s'),
  bar: { atMost: 1.5 },
  note: `the job queue's own polls beside it: ${figure(queue, '/s')}`,
})

async function observeBoth(generator: Generator, installation: Installation, size: string, ms: number): Promise<Measure[]> {
  return withWire(installation.dataDir, (wire) =>
    withAnother(installation.dataDir, { DATABASE_URL: wire.databaseUrl }, async (service) => {
      const measures: Measure[] = []
      for (const perSecond of [1_000, 10_000]) measures.push(measureOf(size, await observe(generator, service, wire, perSecond, ms)))
      return measures
    }),
  )
}

export const databaseReads: Row = {
  id: '6',
  title: 'Reads that reach the database',
  measure: ({ quick }) =>
    withService((_keepsDatabaseUp, installation) =>
      withGenerator(async (generator) => {
        const ms = quick ? 4_000 : 12_000
        await fill(installation, { category: 'bench', prompts: served })
        const small = await observeBoth(generator, installation, '1k', ms)
        await fill(installation, { category: 'bench', from: served + 1, prompts: 99_000 })
        return [...small, ...(await observeBoth(generator, installation, '100k', ms))]
      }),
    ),
}
