/**
 * Row 9: resident memory of the service's process with 10,000 prompts of 1.5 kB in level 1, while all of them are served
 * over 64 connections as fast as it can. The figure is the largest of many looks. The limit is what was asked for; the
 * memory after the start is shown beside it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { fill, hotPath, nameOf } from '../lib/data.ts'
import { call, get, withGenerator } from '../lib/load.ts'
import { figure, type Measure } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { type Service, withService } from '../lib/service.ts'

const prompts = 10_000
const mebibyte = 1024 * 1024

/** Look four times a second while the work runs. @returns the most bytes seen */
async function largestDuring(service: Service, work: Promise<unknown>): Promise<number> {
  let largest = 0
  let running = true
  const done = work.finally(() => (running = false))
  while (running) {
    largest = Math.max(largest, (await service.usage()).rss)
    await Promise.race([sleep(250), done])
  }
  await done
  return largest
}

/** @throws when not all of them are in the cache */
async function assertCached({ port }: Service): Promise<void> {
  const stats = await call<object>(port, 'GET', '/api/v1/cache/stats')
  const entries = Math.max(...[...JSON.stringify(stats).matchAll(/"entries":(\d+)/g)].map(([, n]) => Number(n)))
  if (!(entries >= prompts)) throw new Error(`only ${entries} of ${prompts} prompts are in level 1: ${JSON.stringify(stats)}`)
}

export const memory: Row = {
  id: '9',
  title: 'Memory with 10,000 prompts in level 1, under load',
  measure: ({ quick }) =>
    withService(async (service, installation): Promise<Measure[]> => {
      const atStart = (await service.usage()).rss
      await fill(installation, { category: 'bench', prompts })
      const requests = Array.from({ length: prompts }, (_, i) => get(hotPath('bench', nameOf(i + 1))))
      const largest = await withGenerator(async (generator) => {
        const warming = await largestDuring(
          service,
          generator.run({ port: service.port, connections: 32, requests, limit: { count: prompts } }),
        )
        await assertCached(service)
        const serving = await largestDuring(
          service,
          generator.run({ port: service.port, connections: 64, requests, limit: { ms: quick ? 3_000 : 10_000 } }),
        )
        return Math.max(warming, serving)
      })
      return [
        {
          what: 'resident memory, 10,000 prompts in level 1, under load',
          ours: figure(largest / mebibyte, 'MiB'),
          rival: 'limit 350 MB',
          value: largest / 1e6,
          shown: figure(largest / 1e6, 'MB'),
          bar: { atMost: 350 },
          note: `${figure(atStart / mebibyte, 'MiB')} after the start`,
        },
      ]
    }),
}
