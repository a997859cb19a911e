/**
 * Row 1: serve one 1.5 kB prompt by name and label, key checked, over 64 connections.
 * The rival is bare node:http with a ready buffer, the same bytes and headers: what any HTTP server in Node costs at
 * least. Requests per second are measured as fast as each can; CPU per request at the same 10,000 requests per second for
 * both, because at full speed it depends on who waits for whom: a server that is the slower one wakes its sleeping
 * client with every write, which costs it more than the write.
 */

import { withRival } from '../lib/bare-rival.ts'
import { fill, hotPath, nameOf } from '../lib/data.ts'
import { type Cost, costOf, type Generator, get, type Job, withGenerator } from '../lib/load.ts'
import type { Measured } from '../lib/measured-process.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { type Service, withService } from '../lib/service.ts'
import { alternate, medianOf, medianRatio, type Pair } from '../lib/stats.ts'

const path = hotPath('bench', nameOf(1))

type Compared = Readonly<{ atFullSpeed: Pair<Cost>[]; atEqualRate: Pair<Cost>[] }>
const equalRate = 10_000

async function compare(generator: Generator, service: Service, rival: Measured & { port: number }, quick: boolean): Promise<Compared> {
  const ms = quick ? 600 : 1_500
  const rounds = quick ? 5 : 11
  const job = (port: number, limitMs: number): Job => ({ port, connections: 64, requests: [get(path)], limit: { ms: limitMs } })
  const paced = (port: number): Job => ({ ...job(port, ms), perSecond: equalRate })
  for (const { port } of [service, rival]) await generator.run(job(port, 2 * ms)) // until the code is hot
  return {
    atFullSpeed: await alternate(
      rounds,
      () => costOf(generator, service, job(service.port, ms)),
      () => costOf(generator, rival, job(rival.port, ms)),
    ),
    atEqualRate: await alternate(
      rounds,
      () => costOf(generator, service, paced(service.port)),
      () => costOf(generator, rival, paced(rival.port)),
    ),
  }
}

function measures({ atFullSpeed, atEqualRate }: Compared): Measure[] {
  const rate = (one: Cost) => one.perSecond
  const cpu = (one: Cost) => one.cpuPerRequest
  const generatorCpu = (side: 'ours' | 'rival') => medianOf(atFullSpeed, side, (one) => one.generatorCpu).toFixed(2)
  const speed = medianRatio(atFullSpeed, rate)
  const cost = 1 / medianRatio(atEqualRate, cpu)
  const bars = { bar: { atLeast: 0.7 }, aim: { atLeast: 0.85 } }
  return [
    {
      what: 'hot path: requests per second',
      ours: figure(medianOf(atFullSpeed, 'ours', rate), '/s'),
      rival: `bare node:http ${figure(medianOf(atFullSpeed, 'rival', rate), '/s')}`,
      value: speed,
      shown: times(speed),
      ...bars,
      note: `64 connections; the generator took ${generatorCpu('ours')} of a core against ours, ${generatorCpu('rival')} against the rival`,
    },
    {
      what: 'hot path: CPU of the server per request',
      ours: figure(medianOf(atEqualRate, 'ours', cpu), 'µs'),
      rival: `bare node:http ${figure(medianOf(atEqualRate, 'rival', cpu), 'µs')}`,
      value: cost,
      shown: times(cost),
      ...bars,
      note: `both at ${equalRate.toLocaleString('en-US')} requests per second; the rival’s microseconds by ours. At full speed ${figure(medianOf(atFullSpeed, 'ours', cpu), 'µs')} against ${figure(medianOf(atFullSpeed, 'rival', cpu), 'µs')}`,
    },
  ]
}

export const hotPathRow: Row = {
  id: '1',
  title: 'Hot path against bare node:http',
  measure: ({ quick }) =>
    withService(async (service, installation) => {
      await fill(installation, { category: 'bench', prompts: 1 })
      return withRival(service, path, (rival) =>
        withGenerator(async (generator) => measures(await compare(generator, service, rival, quick))),
      )
    }),
}
