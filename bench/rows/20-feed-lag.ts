/**
 * Row 20: how far the event log is behind, at 500 writes a second (prompts created at 16 clients, two events each). Of each
 * event: from its own time, which it gets before the commit, until a consumer has it; so the commit is in the figure, and
 * the way through relay, log and socket. Two consumers at once: one that listens to the stream, one that walks the log by
 * its cursor, 20 times a second. What is checked: both have all events, each once.
 */
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { promptText, variables } from '../lib/data.ts'
import { call, send, withGenerator } from '../lib/load.ts'
import { figure, type Measure } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { apiKey, type Service, withService } from '../lib/service.ts'
import { quantile } from '../lib/stats.ts'

const perSecond = 500
const clients = 16
const requests = [
  send('POST', '/api/v1/prompts', { category: 'bench', name: 'told ########', content: `${promptText} ########`, variables }),
]
type Told = Readonly<{ id: string; timestamp: string }>
type Consumer = Readonly<{ ids: string[]; lags: number[]; stop(): Promise<void> }>

function consumer(stop: () => Promise<void>): Consumer & { take(event: Told): void } {
  const ids: string[] = []
  const lags: number[] = []
  return {
    ids,
    lags,
    stop,
    take({ id, timestamp }) {
      ids.push(id)
      lags.push(Date.now() - Date.parse(timestamp))
    },
  }
}

/** Listens to the stream from now on. */
function listen({ port }: Service): Promise<Consumer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${apiKey}` }
    const sent = request({ port, path: '/api/v1/notifications/events/stream', headers, agent: false }, (answer) => {
      const listener = consumer(async () => void sent.destroy())
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        const frames = text.split('\n\n')
        text = frames.pop()!
        for (const frame of frames) {
          if (frame.includes('\nevent: position\n')) resolve(listener)
          if (frame.includes('\nevent: message\n')) listener.take(JSON.parse(frame.slice(frame.indexOf('\ndata: ') + 7)))
        }
      })
      answer.on('error', () => undefined)
    })
    sent.on('error', reject)
    sent.end()
  })
}

type Page = Readonly<{ items: Told[]; nextCursor: string | null; cursor: string }>

/** Walks the log from a cursor on, and looks again after 50 ms when there was no more. */
function walk({ port }: Service, from: string): Consumer {
  let stopped = false
  const walker = consumer(async () => {
    stopped = true
    await running
  })
  const running = (async () => {
    for (let cursor = from; !stopped; ) {
      const page = await call<Page>(port, 'GET', `/api/v1/notifications/events?limit=200&cursor=${cursor}`)
      for (const event of page.items) walker.take(event)
      cursor = page.cursor
      if (page.nextCursor === null) await sleep(50)
    }
  })()
  return walker
}

async function until(done: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !done(); await sleep(20))
    if (Date.now() > deadline) throw new Error('the consumers do not get all events')
}

const measureOf = (what: string, { lags }: Consumer): Measure => {
  const p99 = quantile(lags, 0.99)
  return {
    what: `commit → ${what}, p99 at ${perSecond} writes/s`,
    ours: `${figure(p99, 'ms')}, p50 ${figure(quantile(lags, 0.5), 'ms')}, of ${lags.length.toLocaleString('en-US')} events`,
    rival: 'limit 1,000 ms',
    value: p99,
    shown: figure(p99, 'ms'),
    bar: { atMost: 1_000 },
  }
}

export const feedLag: Row = {
  id: '20',
  title: 'Feed lag',
  measure: ({ quick }) =>
    withGenerator((generator) =>
      withService(async (service) => {
        const load = (from: number, seconds: number) =>
          generator.run({ port: service.port, connections: clients, requests, from, limit: { count: perSecond * seconds }, perSecond }, [
            '201',
          ])
        await load(0, 2)
        await sleep(1_500)
        let { cursor, nextCursor } = await call<Page>(service.port, 'GET', '/api/v1/notifications/events?limit=200')
        while (nextCursor !== null)
          ({ cursor, nextCursor } = await call<Page>(service.port, 'GET', `/api/v1/notifications/events?limit=200&cursor=${nextCursor}`))
        const consumers = [await listen(service), walk(service, cursor)] as const
        const seconds = quick ? 4 : 20
        await load(perSecond * 2, seconds)
        const expected = perSecond * seconds * 2
        await until(() => consumers.every(({ ids }) => ids.length >= expected))
        for (const one of consumers) {
          await one.stop()
          if (new Set(one.ids).size !== expected || one.ids.length !== expected)
            throw new Error(
              `${expected} events were told, and a consumer has ${one.ids.length}, ${new Set(one.ids).size} of them different`,
            )
        }
        return [measureOf('on the stream', consumers[0]), measureOf('in the log', consumers[1])]
      }),
    ),
}
