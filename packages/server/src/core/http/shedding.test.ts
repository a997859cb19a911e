import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../../infrastructure/embedded-postgres/testing/sandbox.ts'
import { bootstrapKey, startTestApp, type TestApp } from '../../testing/index.ts'
import { type AnyEndpoint, endpoint, loadOf } from '../endpoint.ts'
import { type Load, loads } from '../limits/load.ts'
import { defineModule } from '../module.ts'
import { Strict } from '../schemas.ts'

/** Requests that are not answered until they are let go. */
const { promise: gate, resolve: letGo } = Promise.withResolvers<void>()
const hold = async () => {
  await gate
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
  probe('hold', { handle: hold }),
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

const request = (method: string, path: string) =>
  `${method} /api/v1${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${bootstrapKey}\r\nContent-Length: 0\r\n\r\n`
const open = (t: TestApp): Socket => {
  const socket = connect(Number(new URL(t.url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  return socket
}

/** Send so many requests that are not answered yet, a hundred on each socket. @returns how many have been answered with 200 */
function held(t: TestApp, count: number): () => number {
  const texts = Array.from({ length: count / 100 }, () => {
    const of = { text: '' }
    open(t)
      .on('data', (chunk) => {
        of.text += chunk
      })
      .write(request('GET', '/probe/hold').repeat(100))
    return of
  })
  return () => texts.reduce((sum, { text }) => sum + (text.match(/HTTP\/1\.1 200/g) ?? []).length, 0)
}

test('the class of an endpoint is told by it, or follows from its method and path', () => {
  expect(probes.map(loadOf)).toEqual(['read', 'read', 'write', 'measurement', 'export'])
  expect(loadOf(probe('dry', { method: 'POST', readOnly: true }))).toBe('read')
})

const inOrder = loads.toReversed()

/** One request of each class, reads first, in one packet: the process decides on all of them in one turn. @returns their statuses */
async function round(socket: Socket): Promise<number[]> {
  let text = ''
  const statuses = () => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
  const read = (chunk: Buffer) => {
    text += chunk
  }
  socket.on('data', read)
  socket.write(inOrder.map((kind) => request(...pathOf[kind])).join(''))
  await until('all are answered', () => statuses().length === inOrder.length, 30_000)
  socket.off('data', read)
  return statuses()
}

test('under too much load exports are refused first, then measurements, then writes, reads last; nothing hangs, and all of it ends', async () => {
  const t = await startTestApp({ shedding: true, extraModules: [defineModule({ name: 'probe', endpoints: probes })] })
  onTestFinished(() => t.stop())
  const socket = open(t)
  await t.owner('POST', '/prompts', { content: 'Hi', category: 'busy', name: 'hot' })
  await t.owner('GET', '/prompts/search/busy/hot')
  const seen: string[] = []
  onTestFinished(() => console.log(`read, write, measurement, export; x is refused: ${seen.join(' ')}`))
  const picture = async () => {
    const statuses = await round(socket)
    seen.push(statuses.map((status) => (status === 503 ? 'x' : status === 200 ? '.' : '?')).join(''))
    expect(seen.at(-1)).toMatch(/^\.*x*$/) // what is refused is always the less urgent
    return seen.at(-1)
  }
  const answered: (() => number)[] = []
  for (const [more, expected] of [
    [500, '...x'],
    [500, '..xx'],
    [1_000, '.xxx'],
    [2_000, 'xxxx'],
  ] as const) {
    answered.push(held(t, more))
    await expect.poll(picture, { interval: 100 }).toMatch(new RegExp(`${expected}$`))
  }
  const { status, headers, body } = await t.owner('GET', '/probe/all/export')
  expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'service.overloaded', '10'])
  expect((await t.anonymous('GET', '//livez')).status).toBe(200)
  // At hand: cheaper than to refuse. It is, as soon as the feed was heard again.
  await expect.poll(async () => (await t.owner('GET', '/prompts/search/busy/hot')).status).toBe(200)
  expect((await t.owner('GET', '//metrics')).text).toMatch(/promptstore_shed_total\{load="export"\} [1-9]/)
  letGo()
  await expect.poll(() => answered.reduce((sum, count) => sum + count(), 0)).toBe(4_000)
  await expect.poll(picture, { interval: 100 }).toBe('....')
  await expect.poll(async () => (await t.owner('GET', '//metrics')).text).toContain('promptstore_load_level 0')
}, 120_000)
