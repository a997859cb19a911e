/** The rival of the hot path: node:http and nothing else, which answers every request with the same status, headers and bytes. */
import { createServer, type OutgoingHttpHeaders } from 'node:http'

type Answer = Readonly<{ headers: OutgoingHttpHeaders; body: string }>

process.on('message', ({ answer, port }: { answer?: Answer; port: number }) => {
  if (!answer) return
  const bytes = Buffer.from(answer.body)
  const headers = { ...answer.headers, 'Content-Length': bytes.length }
  createServer({ noDelay: true, keepAliveTimeout: 65_000 }, (_request, response) => {
    response.writeHead(200, headers).end(bytes)
  }).listen(port, '127.0.0.1', () => process.send?.({ told: 'ready' }))
})
