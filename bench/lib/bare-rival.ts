import { type Measured, startMeasured } from './measured-process.ts'
import { apiKey, freePort, type Service } from './service.ts'

/** A bare node:http server that answers what the service has answered at a path: the same bytes and headers. */
export async function withRival<T>(service: Service, path: string, work: (rival: Measured & { port: number }) => Promise<T>): Promise<T> {
  const answer = await fetch(`http://127.0.0.1:${service.port}${path}`, { headers: { Authorization: `Bearer ${apiKey}` } })
  const ownOfNode = new Set(['connection', 'date', 'keep-alive', 'content-length'])
  const headers = Object.fromEntries([...answer.headers].filter(([name]) => !ownOfNode.has(name)))
  const rival = startMeasured(new URL('../workers/bare-http.ts', import.meta.url))
  try {
    const port = await freePort()
    rival.send({ answer: { headers, body: await answer.text() }, port })
    await rival.told('ready')
    return await work({ ...rival, port })
  } finally {
    await rival.stop()
  }
}
