/**
 * Row 12: the hot path with a key whose role is limited to a category and a label, with the audit trail on, against the
 * build that knew neither roles, nor rights per label, nor audit: what they cost on each read.
 */
import { fill, hotPath, nameOf } from '../lib/data.ts'
import { withEarlierBuild } from '../lib/earlier-build.ts'
import { type Cost, call, costOf, type Generator, get, type Job, withGenerator } from '../lib/load.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { apiKey, installationIn, type Service, startService, withFolder, withService } from '../lib/service.ts'
import { alternate, medianOf, medianRatio, type Pair } from '../lib/stats.ts'

/** The last build without them. */
const before = '604316f'
const path = hotPath('bench', nameOf(1))
const prompts = { category: 'bench', prompts: 1 }

/** Run with the earlier build, in a folder of its own, serving the same prompt. */
const withRival = <T>(work: (rival: Service) => Promise<T>): Promise<T> =>
  withEarlierBuild(before, (program) =>
    withFolder(async (dataDir) => {
      const rival = await startService(dataDir, {}, 1, program)
      const installation = installationIn(dataDir)
      try {
        await fill(installation, prompts)
        return await work(rival)
      } finally {
        await installation.close()
        await rival.stop()
      }
    }),
  )

/** A key that may read one label of one category. */
async function limitedKey({ port }: Service): Promise<string> {
  await call(port, 'POST', '/api/v1/roles', {
    name: 'production reader',
    permissions: ['prompts:read'],
    categories: [prompts.category],
    labels: ['production'],
  })
  return (await call<{ key: string }>(port, 'POST', '/api/v1/api-keys', { name: 'bench', role: 'production reader' })).key
}

async function compare(generator: Generator, ours: Service, key: string, rival: Service, quick: boolean): Promise<Pair<Cost>[]> {
  const ms = quick ? 600 : 1_500
  const job = (port: number, request: string, limitMs = ms): Job => ({ port, connections: 64, requests: [request], limit: { ms: limitMs } })
  const [mine, theirs] = [get(path).replace(apiKey, key), get(path)]
  await generator.run(job(ours.port, mine, 2 * ms))
  await generator.run(job(rival.port, theirs, 2 * ms))
  return alternate(
    quick ? 5 : 15,
    () => costOf(generator, ours, job(ours.port, mine)),
    () => costOf(generator, rival, job(rival.port, theirs)),
  )
}

function measures(pairs: readonly Pair<Cost>[]): Measure[] {
  const rate = (one: Cost) => one.perSecond
  const cpu = (one: Cost) => one.cpuPerRequest
  const ratio = medianRatio(pairs, rate)
  return [
    {
      what: 'hot path with a limited role and audit: requests per second',
      ours: figure(medianOf(pairs, 'ours', rate), '/s'),
      rival: `the build before ${figure(medianOf(pairs, 'rival', rate), '/s')}`,
      value: ratio,
      shown: times(ratio),
      bar: { atLeast: 0.95 },
      note: `64 connections, against commit ${before}; CPU per request ${figure(medianOf(pairs, 'ours', cpu), 'µs')} against ${figure(medianOf(pairs, 'rival', cpu), 'µs')}`,
    },
  ]
}

export const rights: Row = {
  id: '12',
  title: 'Hot path with roles, rights per label and audit against the build before',
  measure: ({ quick }) =>
    withService(async (service, installation) => {
      await fill(installation, prompts)
      const key = await limitedKey(service)
      return withRival((rival) => withGenerator(async (generator) => measures(await compare(generator, service, key, rival, quick))))
    }),
}
