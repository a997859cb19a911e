import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { onTestFinished } from 'vitest'
import { type Call, startTestApp, type TestApp } from '../../../testing/index.ts'

export type Received = Readonly<{
  path: string
  headers: IncomingHttpHeaders
  body: string
  id: string
  message: Readonly<{ type: string; timestamp: string; data: Readonly<Record<string, unknown>> }>
}>
type Answering = (received: Received, response: ServerResponse, request: IncomingMessage) => void

/** A real receiver on loopback, gone after the test: keeps what came, and answers 204 unless told otherwise. */
export async function aReceiver(answering: Answering = (_, response) => void response.writeHead(204).end()) {
  const received: Received[] = []
  let answer = answering
  const server = createServer(async (request, response) => {
    request.on('error', () => undefined)
    const body = Buffer.concat(await request.toArray()).toString()
    const id = String(request.headers['webhook-id'])
    const one = { path: request.url ?? '', headers: request.headers, body, id, message: JSON.parse(body) }
    received.push(one)
    answer(one, response, request)
  })
  server.on('connection', (socket) => socket.on('error', () => undefined))
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    received,
    answerWith: (next: Answering) => {
      answer = next
    },
    types: () => received.map(({ message }) => message.type),
    /** By the official library. @throws when a signature is wrong */
    verify: (secret: string) => received.map(({ body, headers }) => new Webhook(secret).verify(body, headers as Record<string, string>)),
  }
}
/** The service on a clock of the test's own, whose requests may go to loopback. */
export async function webhookApp(options: Parameters<typeof startTestApp>[0] = {}) {
  let ahead = 0
  const t = await startTestApp({
    outboundLoopback: true,
    clock: () => new Date(Date.now() + ahead).toISOString(),
    ...options,
  })
  return {
    ...t,
    /** Milliseconds; may be less than before. */
    setClock: (ms: number) => {
      ahead = ms
    },
  }
}

export type Made = Readonly<{ id: string; secret: string; call: Call }>

/** A webhook on a receiver, of all events of prompts unless told otherwise; gone after the test. */
export async function aWebhook(t: Pick<TestApp, 'owner'>, url: string, fields: object = {}): Promise<Made> {
  const { status, body, text } = await t.owner('POST', '/webhooks', { name: 'test', url, events: ['prompt.*'], ...fields })
  if (status !== 201) throw new Error(`no webhook: ${status} ${text}`)
  onTestFinished(async () => void (await t.owner('DELETE', `/webhooks/${body.id}`).catch(() => undefined))) // the service may have ended
  return { id: body.id, secret: body.secret, call: t.owner }
}

/** Make a prompt, of which an event `prompt.created` comes. */
export async function aPrompt(t: Pick<TestApp, 'owner'>, fields: object = {}): Promise<string> {
  const { status, body, text } = await t.owner('POST', '/prompts', { content: 'Hello {{who}}', ...fields })
  if (status !== 201) throw new Error(`no prompt: ${status} ${text}`)
  return body.id
}

/** The deliveries of a webhook, newest first. */
export const deliveriesOf = async ({ id, call }: Made, query = '') => (await call('GET', `/webhooks/${id}/deliveries${query}`)).body.items
