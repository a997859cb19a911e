/**
 * Row 10: from the start of the process until /readyz answers 200. First ever: an empty data folder, so with initdb, the
 * roles, every migration and the queue's tables. With data: 20,000 prompts (100,000 in the full run). Limits as asked for.
 */
import { fill } from '../lib/data.ts'
import { figure, type Measure } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { startService, withFolder, withServiceIn } from '../lib/service.ts'
import { median } from '../lib/stats.ts'

/** @returns seconds until ready */
async function startIn(dataDir: string): Promise<number> {
  const startedAt = performance.now()
  const service = await startService(dataDir)
  const seconds = (performance.now() - startedAt) / 1000
  await service.stop()
  return seconds
}

const measureOf = (what: string, seconds: readonly number[], limit: number): Measure => ({
  what,
  ours: `${figure(median(seconds), 's')} (slowest ${figure(Math.max(...seconds), 's')} of ${seconds.length})`,
  rival: `limit ${limit} s`,
  value: median(seconds),
  shown: figure(median(seconds), 's'),
  bar: { atMost: limit },
})

export const start: Row = {
  id: '10',
  title: 'Start to ready',
  async measure({ quick }) {
    const rounds = quick ? 2 : 5
    const first: number[] = []
    for (let round = 0; round < rounds; round++) first.push(await withFolder(startIn))
    const prompts = quick ? 20_000 : 100_000
    const again = await withFolder(async (dataDir) => {
      await withServiceIn(dataDir, (_service, installation) => fill(installation, { category: 'bench', prompts }))
      const seconds: number[] = []
      for (let round = 0; round < rounds; round++) seconds.push(await startIn(dataDir))
      return seconds
    })
    return [
      measureOf('start to ready, first ever', first, 20),
      measureOf(`start to ready, with ${prompts.toLocaleString('en-US')} prompts`, again, 4),
    ]
  },
}
