import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { handleFailures } from '../core/http/failures.ts'
import { createHttp } from '../core/http/server.ts'
import { bootstrapKey, startTestApp, type TestApp } from '../testing/index.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
  await t.owner('POST', '/prompts', { category: 'c', name: 'n', content: 'Hi' })
})
afterAll(() => t.stop())

const authorization = `Authorization: Bearer ${bootstrapKey}\r\n`
const head = (line: string, more = '') => `${line} HTTP/1.1\r\nHost: localhost\r\n${authorization}${more}\r\n`

/** A raw connection, and all that came back on it until the other side closed it. */
function open(url: string): { socket: Socket; answered: Promise<string> } {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let text = ''
  socket.on('data', (data) => (text += data))
  const answered = new Promise<string>((done) => socket.on('close', () => done(text)).on('error', () => undefined))
  return { socket, answered }
}

/** Send what is given, all at once. */
const send = (text: string): Promise<string> => {
  const { socket, answered } = open(t.url)
  socket.write(text)
  return answered
}

/** The answers on a connection: status and, of problems, the code. */
const answersIn = (text: string) =>
  text.split(/(?=HTTP\/1\.1 \d{3} )/).map((answer) => [Number(answer.slice(9, 12)), /"code":"([^"]+)"/.exec(answer)?.[1]])

test('headers of 64 kB are refused as a problem: 431', async () => {
  const text = await send(head('GET /api/v1/prompts', `X-Long: ${'x'.repeat(65_536)}\r\n`))
  expect(answersIn(text)).toEqual([[431, 'request.headers_too_large']])
  expect(text).toContain('Content-Type: application/problem+json')
  expect(text).toMatch(/X-Request-Id: [0-9a-f-]{36}/)
})

test('headers of 15 kB are taken', async () => {
  expect((await t.owner('GET', '/prompts', undefined, { 'x-long': 'x'.repeat(15_000) })).status).toBe(200)
})

test('what is not HTTP is refused as a problem: 400', async () => {
  for (const garbage of [
    '\u0000\u0001\u0002\r\n\r\n',
    'hello\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    head('GET /livez', 'a b: c\r\n'),
    head('POST /api/v1/prompts', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'),
  ])
    expect(answersIn(await send(garbage))).toEqual([[400, 'request.malformed']])
})

test('garbage that follows good requests on one connection is refused after they have been answered, in their order', async () => {
  const good = head('GET /api/v1/prompts/search/c/n')
  const slow = head('GET /api/v1/prompts?limit=1')
  expect(answersIn(await send(`${good}${slow}garbage\r\n\r\n`))).toEqual([
    [200, undefined],
    [200, undefined],
    [400, 'request.malformed'],
  ])
  expect(answersIn(await send(`${slow}${slow}\u0000`))).toEqual([
    [200, undefined],
    [200, undefined],
    [400, 'request.malformed'],
  ])
})

test('a broken percent-encoding and a part of a path beyond all measure are problems, and the service lives on', async () => {
  expect(answersIn(await send(head('GET /api/v1/prompts/search/%zz/n', 'Connection: close\r\n')))).toEqual([[400, 'request.malformed']])
  expect(answersIn(await send(head(`GET /api/v1/prompts/search/c/${'n'.repeat(5_000)}`, 'Connection: close\r\n')))).toEqual([
    [414, 'request.url_too_long'],
  ])
  expect((await t.owner('GET', '/prompts/search/c/n')).status).toBe(200)
})

/** A server as the service has it, with less patience: to test it in less than a minute. */
async function impatient() {
  const http = createHttp({ logger: pino({ level: 'silent' }), fastLane: () => false, patience: { headers: 300, request: 800, check: 50 } })
  handleFailures(http, () => [])
  http.get('/', async () => ({ fine: true }))
  http.post('/', async () => ({ fine: true }))
  const url = await http.listen({ port: 0, host: '127.0.0.1' })
  return { url, http, [Symbol.asyncDispose]: () => http.close() }
}

/** Send the beginning, and then a byte now and then, until the other side has had enough. */
async function dribble(url: string, beginning: string, drop: string): Promise<string> {
  const { socket, answered } = open(url)
  socket.write(beginning)
  const timer = setInterval(() => socket.writable && socket.write(drop), 20)
  const text = await answered
  clearInterval(timer)
  return text
}

test('who dribbles headers, or a body, is cut off with 408, while others are served', async () => {
  await using server = await impatient()
  let over = false
  const others = (async () => {
    let served = 0
    for (; !over; served++) {
      expect((await fetch(server.url)).status).toBe(200)
      await sleep(10)
    }
    return served
  })()
  const slow = await Promise.all([
    ...Array.from({ length: 20 }, () => dribble(server.url, 'GET / HTTP/1.1\r\nHost: a\r\nX-A: ', 'x')),
    ...Array.from({ length: 20 }, () =>
      dribble(server.url, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"', 'x'),
    ),
  ])
  over = true
  for (const text of slow) expect(text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n.*application\/problem\+json/s)
  expect(await others).toBeGreaterThan(5)
})

test('who never sends a byte is cut off too', async () => {
  await using server = await impatient()
  expect(await open(server.url).answered).toMatch(/^(HTTP\/1\.1 408 .*)?$/s)
})

test('the service as it is cuts off a sender of headers within its 10 s', async () => {
  expect(await dribble(t.url, 'GET / HTTP/1.1\r\nHost: a\r\nX-A: ', 'x')).toMatch(/^HTTP\/1\.1 408 /)
})
