/**
 * Row 18: one bulk operation that creates 10,000 prompts of 1.5 kB, from the request until it says that it is over,
 * against as many single creates through HTTP on one connection. Both make the same prompts with the same events; each
 * turn begins when all that was written before has been placed, sealed and indexed.
 */
import { promptText, variables } from '../lib/data.ts'
import { call, type Generator, send, withGenerator } from '../lib/load.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { type Service, withService } from '../lib/service.ts'
import { alternate, medianOf, medianRatio, type Pair } from '../lib/stats.ts'
import { settled } from './04-create.ts'

type Round = Readonly<{ perSecond: number; cpuPerPrompt: number }>
type Operation = Readonly<{ id: string; finishedAt: string | null; counts: Readonly<{ succeeded: number }> }>

const body = (category: string, name: string, content: string) => ({ category, name, content: `${promptText} ${content}`, variables })

/** @returns prompts per second, and what the service used for each */
async function measured(service: Service, prompts: number, work: () => Promise<void>): Promise<Round> {
  const before = await service.usage()
  const startedAt = performance.now()
  await work()
  const seconds = (performance.now() - startedAt) / 1000
  const after = await service.usage()
  return { perSecond: prompts / seconds, cpuPerPrompt: (after.cpuMicros - before.cpuMicros) / prompts }
}

async function inBulk({ port }: Service, category: string, prompts: number): Promise<void> {
  const items = Array.from({ length: prompts }, (_, n) => body(category, `bulk ${n}`, String(n)))
  const address = '/api/v1/bulk'
  let operation = await call<Operation>(port, 'POST', `${address}/prompts`, { items })
  while (operation.finishedAt === null) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    operation = await call<Operation>(port, 'GET', `${address}/operations/${operation.id}`)
  }
  if (operation.counts.succeeded !== prompts) throw new Error(`of ${prompts} prompts ${operation.counts.succeeded} were made`)
}

async function singly(generator: Generator, { port }: Service, category: string, prompts: number): Promise<void> {
  const requests = [send('POST', '/api/v1/prompts', body(category, 'single ########', '########'))]
  await generator.run({ port, connections: 1, requests, limit: { count: prompts } }, ['201'])
}

function measures(pairs: readonly Pair<Round>[], prompts: number): Measure[] {
  const rate = (one: Round) => one.perSecond
  const cpu = (one: Round) => one.cpuPerPrompt
  const ratio = medianRatio(pairs, rate)
  return [
    {
      what: `bulk create of ${prompts.toLocaleString('en-US')} prompts`,
      ours: figure(medianOf(pairs, 'ours', rate), 'prompts/s'),
      rival: `single creates ${figure(medianOf(pairs, 'rival', rate), 'prompts/s')}`,
      value: ratio,
      shown: times(ratio),
      bar: { atLeast: 5 },
      note: 'from the request to the end of the operation; the single creates on one connection',
    },
    {
      what: 'bulk create: CPU of the service per prompt',
      ours: figure(medianOf(pairs, 'ours', cpu), 'µs'),
      rival: `single creates ${figure(medianOf(pairs, 'rival', cpu), 'µs')}`,
      value: 1 / medianRatio(pairs, cpu),
      shown: times(1 / medianRatio(pairs, cpu)),
    },
  ]
}

export const bulk: Row = {
  id: '18',
  title: 'Bulk create against single creates',
  measure: ({ quick }) =>
    withService((service, installation) =>
      withGenerator(async (generator) => {
        const prompts = quick ? 2_000 : 10_000
        await inBulk(service, 'warm in bulk', prompts)
        await singly(generator, service, 'warm singly', prompts)
        const pairs = await alternate(
          quick ? 2 : 3,
          (round) => settled(installation).then(() => measured(service, prompts, () => inBulk(service, `bulk ${round}`, prompts))),
          (round) =>
            settled(installation).then(() => measured(service, prompts, () => singly(generator, service, `single ${round}`, prompts))),
        )
        return measures(pairs, prompts)
      }),
    ),
}
