import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Seen = { method: string; path: string; headers: IncomingHttpHeaders; body: string }
export type FaultServer = Readonly<{ url: string; seen: Seen[]; stop(): Promise<void> }>

/** A small HTTP server of a test's own, for faults that the real service cannot be asked for. */
export async function startFaultServer(answer: (response: ServerResponse, request: Seen, n: number) => void): Promise<FaultServer> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const one = { method: request.method!, path: request.url!, headers: request.headers, body: Buffer.concat(chunks).toString() }
      seen.push(one)
      answer(response, one, seen.length)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** An address where nobody listens. */
export async function deadUrl(): Promise<string> {
  const server = await startFaultServer(() => undefined)
  await server.stop()
  return server.url
}

/** A served prompt as the service would answer it. */
export const servedPrompt = (content: string, facts: object = {}) => ({
  id: '01900000-0000-7000-8000-000000000001',
  category: 'c',
  name: 'n',
  description: '',
  type: 'text',
  engine: 'mustache',
  content,
  variables: [],
  config: {},
  tags: [],
  metadata: {},
  isTemplate: false,
  status: 'draft',
  label: 'production',
  version: 1,
  checksum: 'x',
  updatedAt: '2026-01-01T00:00:00.000Z',
  includes: [],
  ...facts,
})

export const sendJson = (response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void =>
  void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))

/** The real `fetch`, which also counts what goes out. */
export function countedFetch(): { fetch: typeof fetch; sent: { method: string; path: string; headers: Record<string, string> }[] } {
  const sent: { method: string; path: string; headers: Record<string, string> }[] = []
  return {
    sent,
    fetch: (input, init) => {
      const url = new URL(String(input))
      sent.push({
        method: init?.method ?? 'GET',
        path: url.pathname + url.search,
        headers: { ...(init?.headers as Record<string, string>) },
      })
      return fetch(input, init)
    },
  }
}
