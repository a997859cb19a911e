import { Agent, get } from 'node:http'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../../infrastructure/embedded-postgres/testing/sandbox.ts'
import { bootstrapKey, startTestApp, type TestApp } from '../../testing/index.ts'
import { type AnyEndpoint, endpoint, loadOf } from '../endpoint.ts'
import { type Load, loads } from '../limits/load.ts'
import { defineModule } from '../module.ts'
import { Strict } from '../schemas.ts'

/** Work that keeps the process busy: a request that takes so many milliseconds of it. */
let work = 6
const burn = async () => {
  for (const until = performance.now() + work; performance.now() < until; );
  return {}
}
const probe = (verb: string, more: Partial<AnyEndpoint>): AnyEndpoint =>
  ({
    ...endpoint({
      name: `probe.${verb}`,
      method: 'GET',
      path: `/probe/${verb}`,
      access: 'probe:read',
      summary: 'A probe',
      reply: Strict({}),
      handle: async () => ({}),
    }),
    ...more,
  }) as AnyEndpoint
const probes: AnyEndpoint[] = [
  probe('burn', { handle: burn }),
  probe('read', {}),
  probe('write', { method: 'POST' }),
  probe('measurement', { method: 'POST', load: 'measurement' }),
  probe('all', { path: '/probe/all/export' }),
]
const pathOf: Readonly<Record<Load, [method: string, path: string]>> = {
  read: ['GET', '/probe/read'],
  write: ['POST', '/probe/write'],
  measurement: ['POST', '/probe/measurement'],
  export: ['GET', '/probe/all/export'],
}

const inOrder = loads.toReversed()

/** Keep so many sockets busy; each sends its next request when it is answered. */
function load(t: TestApp, sockets: number): { stop(): Promise<number> } {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets })
  let running = true
  let answered = 0
  const headers = { authorization: `Bearer ${bootstrapKey}` }
  const one = () =>
    new Promise<void>((resolve, reject) =>
      get(`${t.url}/api/v1/probe/burn`, { agent, headers }, (response) => response.resume().on('end', resolve)).on('error', reject),
    )
  const all = Array.from({ length: sockets }, async () => {
    while (running)
      await one().then(
        () => answered++,
        (error) => running && Promise.reject(error),
      )
  })
  onTestFinished(() => {
    running = false
  })
  return {
    async stop() {
      running = false
      await Promise.all(all)
      agent.destroy()
      return answered
    },
  }
}

test('the class of an endpoint is told by it, or follows from its method and path', () => {
  expect(probes.map(loadOf)).toEqual(['read', 'read', 'write', 'measurement', 'export'])
  expect(loadOf(probe('dry', { method: 'POST', readOnly: true }))).toBe('read')
})

/** One request of each class, reads first, in one packet: the process decides on all of them in one turn. @returns their statuses and what was sent */
async function round(socket: Socket): Promise<{ statuses: number[]; text: string }> {
  const head = `Host: 127.0.0.1\r\nAuthorization: Bearer ${bootstrapKey}\r\nContent-Length: 0\r\n\r\n`
  let text = ''
  const statuses = () => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
  const read = (chunk: Buffer) => {
    text += chunk
  }
  socket.on('data', read)
  socket.write(inOrder.map((kind) => `${pathOf[kind].join(' /api/v1')} HTTP/1.1\r\n${head}`).join(''))
  await until('all are answered', () => statuses().length === inOrder.length, 30_000)
  socket.off('data', read)
  return { statuses: statuses(), text }
}

test('under too much load exports are refused first, then measurements, then writes, reads last; nothing hangs, and all of it ends', async () => {
  const t = await startTestApp({ extraModules: [defineModule({ name: 'probe', endpoints: probes })] })
  const socket = connect(Number(new URL(t.url).port), '127.0.0.1')
  onTestFinished(() => t.stop())
  onTestFinished(() => void socket.destroy())
  await t.owner('POST', '/prompts', { content: 'Hi', category: 'busy', name: 'hot' })
  await t.owner('GET', '/prompts/search/busy/hot')
  const seen: string[] = []
  /** Rounds until this many classes are refused; what is refused is always the less urgent. */
  const rounds = async (refused: number): Promise<string> => {
    for (;;) {
      const { statuses, text } = await round(socket)
      const picture = statuses.map((status) => (status === 503 ? 'x' : status === 200 ? '.' : '?')).join('')
      seen.push(picture)
      expect(picture).toMatch(/^\.*x*$/)
      if ((picture.match(/x/g) ?? []).length >= refused) return text
    }
  }
  const busy = load(t, 40)
  const refusal = await rounds(1)
  expect(refusal).toMatch(/Retry-After: 10\r\n/i)
  expect(refusal).toContain('"code":"service.overloaded"')
  work = 100 // half of the sockets are served in a turn while the other half, in this same process, read and ask anew
  await rounds(4)
  expect((await t.anonymous('GET', '//livez')).status).toBe(200)
  expect((await t.owner('GET', '/prompts/search/busy/hot')).status).toBe(200) // at hand: cheaper than to refuse
  expect((await t.owner('GET', '//metrics')).text).toMatch(/promptstore_shed_total\{load="export"\} [1-9]/)
  expect(await busy.stop()).toBeGreaterThan(0)
  await expect.poll(async () => (await round(socket)).statuses, { timeout: 15_000, interval: 200 }).toEqual([200, 200, 200, 200])
  expect((await t.owner('GET', '//metrics')).text).toContain('promptstore_load_level 0')
  console.log(`read, write, measurement, export; x is refused: ${seen.join(' ')}`)
}, 60_000)
