/**
 * Row 5: the hot path from level 1, against the same call on an instance without any cache (CACHE_BYTES=0, no Redis):
 * what the cache is good for. Both instances serve the same 200 prompts of the same database.
 */
import { fill, hotPath, nameOf } from '../lib/data.ts'
import { type Cost, costOf, get, type Job, withGenerator } from '../lib/load.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { withAnother, withService } from '../lib/service.ts'
import { alternate, medianOf, medianRatio, type Pair } from '../lib/stats.ts'

const prompts = 200

function measures(pairs: readonly Pair<Cost>[]): Measure[] {
  const rate = (one: Cost) => one.perSecond
  const cpu = (one: Cost) => one.cpuPerRequest
  const ratio = medianRatio(pairs, rate)
  return [
    {
      what: 'from level 1: requests per second',
      ours: figure(medianOf(pairs, 'ours', rate), '/s'),
      rival: `without caches ${figure(medianOf(pairs, 'rival', rate), '/s')}`,
      value: ratio,
      shown: times(ratio),
      bar: { atLeast: 5 },
      note: `64 connections, ${prompts} prompts; Node's CPU per request ${figure(medianOf(pairs, 'ours', cpu), 'µs')} against ${figure(medianOf(pairs, 'rival', cpu), 'µs')}`,
    },
  ]
}

export const cache: Row = {
  id: '5',
  title: 'Hot path from level 1 against no cache at all',
  measure: ({ quick }) =>
    withService(async (cached, installation) => {
      await fill(installation, { category: 'bench', prompts })
      const requests = Array.from({ length: prompts }, (_, i) => get(hotPath('bench', nameOf(i + 1))))
      const job = (port: number, ms: number): Job => ({ port, connections: 64, requests, limit: { ms } })
      const ms = quick ? 600 : 1_500
      return withAnother(installation.dataDir, { CACHE_BYTES: '0' }, (bare) =>
        withGenerator(async (generator) => {
          for (const { port } of [cached, bare]) await generator.run(job(port, 2 * ms))
          return measures(
            await alternate(
              quick ? 3 : 7,
              () => costOf(generator, cached, job(cached.port, ms)),
              () => costOf(generator, bare, job(bare.port, ms)),
            ),
          )
        }),
      )
    }),
}
