/**
 * Row 19: how long after its event a webhook is asked first: 100 endpoints, 200 events a second, one endpoint for each
 * event; and the same for the other 99 while one hangs for 15 s. Events are told by POST /notifications/trigger at a fixed
 * rate, whatever the answers take. Time counts from the event's own timestamp, before its commit, to the request's arrival.
 */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { call } from '../lib/load.ts'
import { figure, type Measure } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { apiKey, type Service, withService } from '../lib/service.ts'
import { quantile } from '../lib/stats.ts'
import { type Arrival, withReceiver } from '../lib/webhook-receiver.ts'

const endpoints = 100
const perSecond = 200
const hangMs = 15_000

/** Tell events at the rate for so long, in turn for each endpoint. @returns how many */
async function tell({ port }: Service, seconds: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
  const total = seconds * perSecond
  const startedAt = performance.now()
  const answers: Promise<number>[] = []
  while (answers.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - startedAt) / 1_000) * perSecond))
    while (answers.length < due) {
      const body = JSON.stringify({ type: `custom.e${answers.length % endpoints}`, data: { n: answers.length } })
      const { promise, resolve, reject } = Promise.withResolvers<number>()
      const sent = request(
        { host: '127.0.0.1', port, method: 'POST', path: '/api/v1/notifications/trigger', headers, agent },
        (response) => {
          response.resume()
          response.on('end', () => resolve(response.statusCode ?? 0))
        },
      )
      sent.on('error', reject)
      sent.end(body)
      answers.push(promise)
    }
    await sleep(2)
  }
  const wrong = (await Promise.all(answers)).filter((status) => status !== 202)
  agent.destroy()
  if (wrong.length > 0) throw new Error(`${wrong.length} events were not taken: ${wrong[0]}`)
  return total
}

async function measureWith(hanging: boolean, seconds: number): Promise<readonly Arrival[]> {
  const slow = hanging ? { path: '/0', ms: hangMs } : undefined
  return withReceiver(slow, ({ url, arrivals }) =>
    withService(async (service) => {
      for (let n = 0; n < endpoints; n++)
        await call(service.port, 'POST', '/api/v1/webhooks', {
          name: `bench ${n}`,
          url: `${url}/${n}`,
          events: [`custom.e${n}`],
          timeoutMs: 20_000,
        })
      await tell(service, 2) // warm
      await sleep(1_000)
      const before = arrivals.length
      const told = await tell(service, seconds)
      const counted = () => arrivals.slice(before).filter(({ path }) => !hanging || path !== '/0')
      const wanted = hanging ? told - told / endpoints : told
      for (let waited = 0; counted().length < wanted && waited < 30_000; waited += 100) await sleep(100)
      if (counted().length < wanted) throw new Error(`of ${wanted} events ${counted().length} came`)
      return counted()
    }),
  )
}

function measureOf(what: string, arrivals: readonly Arrival[]): Measure {
  const times = arrivals.map(({ afterMs }) => afterMs)
  const p99 = quantile(times, 0.99)
  return {
    what,
    ours: `p50 ${figure(quantile(times, 0.5), 'ms')}, p99 ${figure(p99, 'ms')}`,
    rival: 'limit',
    value: p99,
    shown: figure(p99, 'ms'),
    bar: { atMost: 1_000 },
    note: `${arrivals.length.toLocaleString('en-US')} events, the slowest ${figure(Math.max(...times), 'ms')}`,
  }
}

export const deliveriesRow: Row = {
  id: '19',
  title: 'From an event to the first attempt of its delivery',
  async measure({ quick }) {
    const seconds = quick ? 5 : 20
    return [
      measureOf(`${endpoints} endpoints, ${perSecond} events a second`, await measureWith(false, seconds)),
      measureOf(`the same for the other ${endpoints - 1} while one hangs for 15 s`, await measureWith(true, seconds)),
    ]
  },
}
