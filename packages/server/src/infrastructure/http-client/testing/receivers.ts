import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { cert, key } from './certificate.ts'

export type Receiver = Readonly<{
  port: number
  /** Every connection that was ever made, in order. */
  sockets: readonly Socket[]
  requests: readonly IncomingMessage[]
}>

type Options = Readonly<{ host?: string; port?: number }>

/** A real HTTP server on loopback, gone after the test. */
export const receiver = (answer: RequestListener, options: Options = {}) => open(createServer(answer), options)

/** The same with the certificate of hooks.example.com. */
export const tlsReceiver = (answer: RequestListener, options: Options = {}) => open(createTlsServer({ cert, key }, answer), options)

/** Speaks whatever the test says, HTTP or not. */
export const rawReceiver = (speak: (socket: Socket) => void) => open(createTcpServer(speak), {})

async function open(server: Server, { host = '127.0.0.1', port = 0 }: Options): Promise<Receiver> {
  const sockets: Socket[] = []
  const requests: IncomingMessage[] = []
  server.on('connection', (socket) => {
    socket.on('error', () => undefined) // the client hangs up in many of these tests
    sockets.push(socket)
  })
  server.on('request', (request: IncomingMessage) => requests.push(request))
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((listening) => server.listen(port, host, listening))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((closed) => server.close(closed))
  })
  return { port: (server.address() as AddressInfo).port, sockets, requests }
}
