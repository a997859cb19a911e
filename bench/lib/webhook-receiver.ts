import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request that came: its path, and how long after its event. Milliseconds. */
export type Arrival = Readonly<{ path: string; afterMs: number }>

/** A receiver of webhooks that answers 204 at once, but on one path only after a while. Retries are not counted. */
export async function withReceiver<T>(
  slow: Readonly<{ path: string; ms: number }> | undefined,
  work: (receiver: Readonly<{ url: string; arrivals: readonly Arrival[] }>) => Promise<T>,
): Promise<T> {
  const arrivals: Arrival[] = []
  const seen = new Set<string>()
  const server = createServer((request, response) => {
    const now = Date.now()
    let body = ''
    request.on('data', (data) => (body += data))
    request.on('end', () => {
      const id = `${request.url} ${request.headers['webhook-id']}`
      if (!seen.has(id)) arrivals.push({ path: request.url ?? '', afterMs: now - Date.parse(JSON.parse(body).timestamp) })
      seen.add(id)
      const answer = () => response.writeHead(204).end()
      if (slow && request.url === slow.path) setTimeout(answer, slow.ms).unref()
      else answer()
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  try {
    return await work({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, arrivals })
  } finally {
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  }
}
