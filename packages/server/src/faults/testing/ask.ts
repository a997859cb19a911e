import { Agent, request } from 'node:http'
import { ownerKey } from './installation.ts'

/** What came back; `status` 0: nothing did (the connection broke). Times in milliseconds. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
export type Asked = { status: number; headers: Readonly<Record<string, string | undefined>>; body: any; tookMs: number }
export type Ask = (method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>) => Promise<Asked>

/**
 * A caller with a keep-alive connection of its own, as the owner. Never throws: bad days are what it is for.
 * @param url asked anew for each request, so that it follows a service that comes back elsewhere
 * @param patienceMs longer than any answer may take; what takes longer counts as `status` -1
 */
export function askerOf(url: () => string, patienceMs = 30_000): Ask {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return (method, path, body, headers = {}) =>
    new Promise((done) => {
      const began = performance.now()
      const end = (status: number, answered: Partial<Asked> = {}) =>
        done({ headers: {}, body: undefined, ...answered, status, tookMs: performance.now() - began })
      if (!url()) return end(0)
      const address = path.startsWith('//') ? url() + path.slice(1) : `${url()}/api/v1${path}`
      const sent = request(address, {
        method,
        agent,
        headers: { authorization: `Bearer ${ownerKey}`, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      })
      const timer = setTimeout(() => {
        end(-1)
        sent.destroy()
      }, patienceMs)
      sent.on('error', () => end(0))
      sent.on('close', () => clearTimeout(timer))
      sent.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk) => chunks.push(chunk))
        response.on('error', () => end(0))
        response.on('end', () =>
          end(response.statusCode!, { headers: response.headers as Asked['headers'], body: parsed(Buffer.concat(chunks).toString()) }),
        )
      })
      sent.end(body === undefined ? undefined : JSON.stringify(body))
    })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
