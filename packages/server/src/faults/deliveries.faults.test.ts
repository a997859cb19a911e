import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../infrastructure/embedded-postgres/testing/sandbox.ts'
import { askerOf } from './testing/ask.ts'
import { installation } from './testing/installation.ts'

const rounds = Number(process.env.FAULT_ROUNDS ?? 1)
const prompts = 5

type Arrived = (request: IncomingMessage, response: ServerResponse) => void

/** A receiver that notes the ids that came, with what it needs to verify them. */
async function startReceiver() {
  const received: { id: string; body: string; headers: Record<string, string> }[] = []
  let arrived: Arrived | undefined
  const server = createServer(async (request, response) => {
    try {
      const body = Buffer.concat(await request.toArray()).toString()
      const headers = request.headers as Record<string, string>
      received.push({ id: String(headers['webhook-id']), body, headers })
      if (arrived) arrived(request, response)
      else response.writeHead(200).end()
    } catch {
      // the sender was killed in the midst of it
    }
  })
  server.on('connection', (socket) => socket.on('error', () => undefined))
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    onArrival: (next: Arrived | undefined) => {
      arrived = next
    },
  }
}
type Receiver = Awaited<ReturnType<typeof startReceiver>>

type Here = ReturnType<typeof installation>
type Round = Readonly<{ here: Here; receiver: Receiver; webhookId: string }>

const count = async ({ here, webhookId }: Round, where: string): Promise<number> =>
  (await here.query<{ n: number }>(`select count(*)::int as n from webhook_delivery where webhook_id = $1 and ${where}`, [webhookId]))[0]!.n

/** For each step of a delivery: wait until it has come so far. What is to happen at the receiver is arranged before. */
const steps: Readonly<Record<string, (round: Round) => () => Promise<void>>> = {
  planned: (round) => () => until('something is planned', async () => (await count(round, `state = 'pending'`)) > 0),
  claimed: (round) => {
    round.receiver.onArrival(() => undefined) // so that what is claimed stays so for a while
    return () => until('something is claimed', async () => (await count(round, 'claim_token is not null')) > 0)
  },
  sent: (round) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    round.receiver.onArrival(() => resolve())
    return () => promise
  },
  answered: (round) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    round.receiver.onArrival((_, response) => {
      response.once('finish', resolve)
      response.writeHead(200).end()
    })
    return () => promise
  },
  recorded: (round) => () => until('something is recorded', async () => (await count(round, `state = 'succeeded'`)) > 0),
}

test.each(Object.keys(steps))(
  'when the service is killed with a delivery %s, no event is lost, and each has the same id again',
  {
    timeout: 240_000 + rounds * 60_000,
  },
  async (step) => {
    await using here = installation()
    let service = await here.start()
    const ask = askerOf(() => service.url)
    const receiver = await startReceiver()
    const made = await ask('POST', '/webhooks', {
      name: 'killed',
      url: receiver.url,
      events: ['*'],
      filter: 'type == "prompt.created"',
      timeoutMs: 1_000,
      retrySchedule: Array(10).fill(1),
    })
    expect(made.status).toBe(201)
    const round: Round = { here, receiver, webhookId: made.body.id }
    let created = 0
    for (let n = 0; n < rounds; n++) {
      const reached = steps[step]!(round)
      for (let i = 0; i < prompts; i++) {
        const { status } = await ask('POST', '/prompts', { content: `prompt ${n} ${i}`, name: `prompt ${n} ${i}` })
        if (status === 201) created++
      }
      await reached()
      service.signal('SIGKILL')
      await service.ended
      receiver.onArrival(undefined)
      service = await here.start()
      await until('all of it is delivered', async () => (await count(round, `state = 'succeeded'`)) >= created, 60_000)
    }
    const events = await here.query<{ messageId: string; state: string }>(
      `select d.message_id as "messageId", d.state from outbox o left join webhook_delivery d on d.event_id = o.id and d.webhook_id = $1 where o.type = 'prompt.created'`,
      [round.webhookId],
    )
    expect(events.filter(({ state }) => state !== 'succeeded')).toEqual([])
    expect(events).toHaveLength(created)
    const ids = new Set(receiver.received.map(({ id }) => id))
    expect([...ids].sort()).toEqual(events.map(({ messageId }) => messageId).sort())
    for (const { body, headers } of receiver.received)
      expect(new Webhook(made.body.secret).verify(body, headers)).toMatchObject({ type: 'prompt.created' })
    console.log(`kill -9 with a delivery ${step}, ${rounds} rounds: ${created} events, ${receiver.received.length} requests`)
  },
)
