import { type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'

export type RawAnswer = {
  status: number
  headers: IncomingHttpHeaders
  text: string
  json(): Record<string, unknown> & { code: string; errors?: { pointer: string; code: string; detail: string }[] }
}
export type RawRequest = {
  method?: string
  path: string
  headers?: Record<string, string>
  body?: string | Buffer
  key?: string | undefined
}

/** A request as it is written: no normalised path, any `Host`, any bytes; on a connection of its own. */
export const raw = (url: string, { method = 'GET', path, headers = {}, body, key }: RawRequest): Promise<RawAnswer> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const outgoing = request(
      { hostname, port, method, path, agent: false, headers: { ...(key && { authorization: `Bearer ${key}` }), ...length, ...headers } },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          resolve({ status: answer.statusCode!, headers: answer.headers, text, json: () => JSON.parse(text) })
        })
        answer.on('error', reject)
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })

/** Bytes straight onto a socket; resolves with all that comes back once the service has closed it. */
export const bytes = (url: string, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    let answer = ''
    const socket = connect(Number(port), hostname, () => socket.end(text))
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
