/**
 * Several instances of the service behind one port: node:cluster hands each new connection to the next instance, and has
 * no part in what is sent over it. As good as any balancer that works by connection, and costs nothing per request.
 */
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Usage } from './probe.ts'

const [instances = '2', ...nodeFlags] = process.argv.slice(2)

cluster.setupPrimary({
  exec: fileURLToPath(new URL('../../packages/server/src/main.ts', import.meta.url)),
  execArgv: ['--import', new URL('./probe.ts', import.meta.url).href, ...nodeFlags],
  args: [],
})

const workers: Worker[] = []

/** One after the other: the first one makes the data folder. */
async function start(): Promise<void> {
  for (let n = Number(instances); n > 0; n--) {
    const worker = cluster.fork()
    workers.push(worker)
    await once(worker, 'listening')
  }
  process.send?.({ told: 'ready' })
}

async function usageOf(worker: Worker, id: number): Promise<Usage> {
  worker.send({ ask: 'usage', id })
  for (;;) {
    const [message] = (await once(worker, 'message')) as [{ id?: number; usage: Usage }]
    if (message.id === id) return message.usage
  }
}

process.on('message', async ({ ask, id }: { ask?: string; id: number }) => {
  if (ask !== 'usage') return
  const each = await Promise.all(workers.map((worker) => usageOf(worker, id)))
  const usage: Usage = {
    cpuMicros: each.reduce((all, { cpuMicros }) => all + cpuMicros, 0),
    rss: each.reduce((all, { rss }) => all + rss, 0),
  }
  process.send?.({ id, usage })
})

let stopping = false
async function stop(): Promise<void> {
  if (stopping) return
  stopping = true
  const living = workers.filter((worker) => !worker.isDead())
  await Promise.all(
    living.map(async (worker) => {
      worker.process.kill('SIGTERM')
      await once(worker, 'exit')
    }),
  )
  process.exit(0)
}
process.on('SIGTERM', () => void stop())
process.on('disconnect', () => void stop())

await start()
