/**
 * Row 2: the hot path with two instances on one database behind one port, against one instance.
 * Reported, not judged: where the generator shares the cores with the instances (as it does on two cores) the second
 * instance finds no free core, and the figure says more of the machine than of the service. The CPU per request shows
 * whether a second instance costs anything: it should not.
 */
import { fill, hotPath, nameOf } from '../lib/data.ts'
import { type Cost, costOf, get, type Job, withGenerator } from '../lib/load.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { withAnother, withService } from '../lib/service.ts'
import { alternate, medianOf, medianRatio, type Pair } from '../lib/stats.ts'

function measures(pairs: readonly Pair<Cost>[]): Measure[] {
  const rate = (one: Cost) => one.perSecond
  const cpu = (one: Cost) => one.cpuPerRequest
  return [
    {
      what: 'two instances: requests per second',
      ours: figure(medianOf(pairs, 'ours', rate), '/s'),
      rival: `one instance ${figure(medianOf(pairs, 'rival', rate), '/s')}`,
      value: medianRatio(pairs, rate),
      shown: times(medianRatio(pairs, rate)),
      note: `64 connections, handed out by node:cluster; the generator took ${medianOf(pairs, 'ours', (one) => one.generatorCpu).toFixed(2)} of a core`,
    },
    {
      what: 'two instances: CPU of both per request',
      ours: figure(medianOf(pairs, 'ours', cpu), 'µs'),
      rival: `one instance ${figure(medianOf(pairs, 'rival', cpu), 'µs')}`,
      value: medianRatio(pairs, cpu),
      shown: times(medianRatio(pairs, cpu)),
    },
  ]
}

export const twoInstances: Row = {
  id: '2',
  title: 'Hot path with two instances against one',
  measure: ({ quick }) =>
    withService(async (one, installation) => {
      await fill(installation, { category: 'bench', prompts: 1 })
      const job = (port: number, ms: number): Job => ({
        port,
        connections: 64,
        requests: [get(hotPath('bench', nameOf(1)))],
        limit: { ms },
      })
      const ms = quick ? 600 : 1_500
      return withAnother(
        installation.dataDir,
        {},
        (two) =>
          withGenerator(async (generator) => {
            for (const { port } of [one, two]) await generator.run(job(port, 2 * ms))
            return measures(
              await alternate(
                quick ? 3 : 7,
                () => costOf(generator, two, job(two.port, ms)),
                () => costOf(generator, one, job(one.port, ms)),
              ),
            )
          }),
        2,
      )
    }),
}
