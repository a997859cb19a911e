import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { OutboundFailure, type OutboundRequest } from '../../core/outbound.ts'
import { parseAllowList } from './allow-list.ts'
import { type HttpClientOptions, httpClient } from './http-client.ts'
import { DnsError } from './resolver.ts'
import { cert } from './testing/certificate.ts'
import { rawReceiver, receiver, tlsReceiver } from './testing/receivers.ts'

/** Names that no DNS knows, so that nobody can resolve them a second time. */
const names: Record<string, readonly string[]> = { 'hooks.example.com': ['127.0.0.1'], 'other.example.com': ['127.0.0.1'] }

function client(options: Partial<HttpClientOptions> = {}) {
  const resolve = async (name: string) => names[name] ?? Promise.reject(new DnsError('ENOTFOUND'))
  const opened = httpClient({ loopback: true, allow: [], resolve, ca: cert, ...options })
  onTestFinished(() => opened.close())
  return {
    ...opened,
    get: (url: string, input: Partial<OutboundRequest> = {}) =>
      opened.request({ url, method: 'GET', headers: {}, timeoutMs: 20_000, maxBytes: 1000, ...input }),
  }
}

const failure = (request: Promise<unknown>): Promise<OutboundFailure> =>
  request.then(
    () => Promise.reject(new Error('there was an answer')),
    (error) => (error instanceof OutboundFailure ? error : Promise.reject(error)),
  )
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()

describe('an answer', () => {
  test('comes with status, headers, body, address and time, and the receiver gets what was sent, byte for byte', async () => {
    const bodies: Buffer[] = []
    const { port, requests } = await receiver(async (request, response) => {
      bodies.push(Buffer.concat(await request.toArray()))
      response.writeHead(
        201,
        [
          ['X-Seen', 'a'],
          ['X-Seen', 'b'],
          ['Content-Type', 'text/plain'],
        ].flat(),
      )
      response.end('thanks')
    })
    const body = Buffer.from([0, 255, 13, 10, 123])
    const answer = await client().get(`http://127.0.0.1:${port}/in?a=b%20c`, {
      method: 'POST',
      headers: { 'Webhook-Id': 'msg_1', 'User-Agent': 'mine' },
      body,
    })
    expect(answer).toMatchObject({
      status: 201,
      truncated: false,
      address: '127.0.0.1',
      headers: { 'x-seen': 'a, b', 'content-type': 'text/plain' },
    })
    expect(text(answer.body)).toBe('thanks')
    expect(answer.tookMs).toBeGreaterThanOrEqual(0)
    expect(bodies).toEqual([body])
    expect(requests[0]).toMatchObject({ method: 'POST', url: '/in?a=b%20c' })
    expect(requests[0]!.headers).toMatchObject({
      host: `127.0.0.1:${port}`,
      'webhook-id': 'msg_1',
      'user-agent': 'mine',
      'accept-encoding': 'identity',
      'content-length': '5',
    })
  })

  test('500 is one, with its body', async () => {
    const { port } = await receiver((_, response) => response.writeHead(500).end('broken'))
    expect(await client().get(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 500, body: Buffer.from('broken') })
  })

  test('a redirect to the metadata service is one, and is not followed', async () => {
    const location = 'http://169.254.169.254/latest/meta-data/'
    const { port, requests } = await receiver((_, response) => response.writeHead(302, { location }).end())
    expect(await client().get(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 302, headers: { location } })
    expect(requests).toHaveLength(1)
  })

  test('of 10 MB only the wanted bytes are kept, and the connection is closed', async () => {
    const { port, sockets } = await receiver((_, response) => response.end(Buffer.alloc(10_000_000, 'x')))
    const answer = await client().get(`http://127.0.0.1:${port}/`, { maxBytes: 16_384 })
    expect(answer).toMatchObject({ status: 200, truncated: true })
    expect(answer.body).toHaveLength(16_384)
    await expect.poll(() => sockets[0]!.destroyed).toBe(true)
  })

  test('of an endless one too', async () => {
    const { port, sockets } = await receiver(async (_, response) => {
      while (!response.destroyed) if (!response.write(Buffer.alloc(1000, 'x'))) await sleep(1)
    })
    expect(await client().get(`http://127.0.0.1:${port}/`, { maxBytes: 0 })).toMatchObject({ truncated: true, body: Buffer.alloc(0) })
    await expect.poll(() => sockets[0]!.destroyed).toBe(true)
  })

  test('of exactly the wanted length is whole', async () => {
    const { port } = await receiver((_, response) => response.end('12345'))
    expect(await client().get(`http://127.0.0.1:${port}/`, { maxBytes: 5 })).toMatchObject({ truncated: false, body: Buffer.from('12345') })
    expect(await client().get(`http://127.0.0.1:${port}/`, { maxBytes: 4 })).toMatchObject({ truncated: true, body: Buffer.from('1234') })
  })

  test('that is compressed stays so', async () => {
    const bomb = Buffer.from('H4sIAAAAAAAAA8tIzcnJVyjPL8pJAQCFEUoNCwAAAA==', 'base64')
    const { port } = await receiver((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb))
    expect(await client().get(`http://127.0.0.1:${port}/`)).toMatchObject({ body: bomb, headers: { 'content-encoding': 'gzip' } })
  })

  test('comes after early hints, which are not one; HEAD and 204 have no body', async () => {
    const { port } = await receiver((request, response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload' })
      response.writeHead(request.method === 'HEAD' ? 200 : 204, { 'x-last': '1' }).end()
    })
    for (const method of ['HEAD', 'DELETE'] as const) {
      const answer = await client().get(`http://127.0.0.1:${port}/`, { method })
      expect(answer).toMatchObject({ status: method === 'HEAD' ? 200 : 204, body: Buffer.alloc(0), headers: { 'x-last': '1' } })
      expect(answer.headers.link).toBeUndefined()
    }
  })
})

describe('a hostile receiver', () => {
  const soon = { timeoutMs: 300 }
  const afterTheHead = { timeoutMs: 5_000 }

  test('that never answers ends in time, and its connection with it', async () => {
    const { port, sockets } = await receiver(() => undefined)
    expect(await failure(client().get(`http://127.0.0.1:${port}/`, soon))).toMatchObject({
      code: 'timeout',
      address: '127.0.0.1',
      status: undefined,
    })
    await expect.poll(() => sockets[0]!.destroyed).toBe(true)
  })

  test('that hangs in the body ends in time; its status is known', async () => {
    const { port, sockets } = await receiver((_, response) => response.writeHead(200, { 'content-length': '10' }).write('half'))
    expect(await failure(client().get(`http://127.0.0.1:${port}/`, afterTheHead))).toMatchObject({ code: 'timeout', status: 200 })
    await expect.poll(() => sockets[0]!.destroyed).toBe(true)
  })

  test('that drips byte by byte ends in time', async () => {
    const { port } = await receiver(async (_, response) => {
      while (!response.destroyed) {
        response.write('.')
        await sleep(20)
      }
    })
    expect(await failure(client().get(`http://127.0.0.1:${port}/`, afterTheHead))).toMatchObject({ code: 'timeout', status: 200 })
  })

  test('that drips early hints without an end ends in time', async () => {
    const { port } = await rawReceiver(async (socket) => {
      while (!socket.destroyed) {
        socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n')
        await sleep(20)
      }
    })
    expect(await failure(client().get(`http://127.0.0.1:${port}/`, soon))).toMatchObject({ code: 'timeout', status: undefined })
  })

  test('that takes the connection and says nothing of TLS ends in time', async () => {
    const { port } = await rawReceiver(() => undefined)
    expect(await failure(client().get(`https://127.0.0.1:${port}/`, soon))).toMatchObject({ code: 'timeout', address: '127.0.0.1' })
  })

  const spoken: readonly [what: string, said: string, code: string][] = [
    ['closes without a word', '', 'closed'],
    ['closes in the head', 'HTTP/1.1 200 OK\r\nconte', 'closed'],
    ['closes half way through a body of known length', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf', 'closed'],
    ['closes half way through a chunked body', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel', 'closed'],
    ['is a mail server', '220 mail.example.com ESMTP\r\n', 'invalid'],
    ['sends no status', 'HTTP/1.1 OK\r\n\r\n', 'invalid'],
    ['has length and chunks at once', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 'closed'],
    ['has two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello', 'closed'],
    ['has a broken chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n', 'invalid'],
    ['wants another protocol', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n', 'invalid'],
    ['sends a head without an end', `HTTP/1.1 200 OK\r\n${'x-a: 0123456789abcdef\r\n'.repeat(2000)}`, 'invalid'],
    ['sends one header of 100 kB', `HTTP/1.1 200 OK\r\nx-a: ${'y'.repeat(100_000)}\r\n\r\n`, 'invalid'],
  ]
  test.each(spoken)('that %s is told as such', async (_, said, code) => {
    const { port } = await rawReceiver((socket) => socket.once('data', () => socket.end(said)))
    const failed = await failure(client().get(`http://127.0.0.1:${port}/`))
    expect(failed).toMatchObject({ code, address: '127.0.0.1' })
    expect(failed.detail).toMatch(/^[A-Z].*\.$/)
  })

  test('that resets the connection is told as such', async () => {
    const { port } = await rawReceiver((socket) => socket.once('data', () => socket.resetAndDestroy()))
    expect(await failure(client().get(`http://127.0.0.1:${port}/`))).toMatchObject({ code: 'closed' })
  })

  test('does not make another one at the same origin wait', async () => {
    const { port } = await receiver((request, response) => void (request.url === '/good' && response.end('ok')))
    const one = client({ perOrigin: 2 })
    const caller = new AbortController()
    const hanging = [1, 2, 3, 4].map(() => failure(one.get(`http://127.0.0.1:${port}/hang`, { group: 'bad', signal: caller.signal })))
    await sleep(50)
    expect(await one.get(`http://127.0.0.1:${port}/good`, { group: 'good' })).toMatchObject({ status: 200 })
    caller.abort()
    expect((await Promise.all(hanging)).map(({ code }) => code)).toEqual(Array(4).fill('aborted'))
  })
})

describe('no connection', () => {
  test('where nothing listens', async () => {
    const { port } = await receiver(() => undefined)
    expect(await failure(client({}).get(`http://127.0.0.2:${port}/`))).toMatchObject({ code: 'connect', address: '127.0.0.2' })
    expect(await failure(client({}).get(`https://127.0.0.2:${port}/`))).toMatchObject({
      code: 'connect',
      detail: expect.stringContaining('ECONNREFUSED'),
    })
  })

  test('to one address: the next one is tried', async () => {
    const { port } = await receiver((_, response) => response.end('second'))
    const answer = await client({ resolve: async () => ['127.0.0.2', '127.0.0.1'] }).get(`http://hooks.example.com:${port}/`)
    expect(answer).toMatchObject({ address: '127.0.0.1', body: Buffer.from('second') })
  })

  test('after an address that took the request and then failed: it is not sent twice', async () => {
    const first = await rawReceiver((socket) => socket.once('data', () => socket.destroy()))
    const second = await receiver((_, response) => response.end(), { host: '127.0.0.2', port: first.port })
    const failed = await failure(client({ resolve: async () => ['127.0.0.1', '127.0.0.2'] }).get(`http://hooks.example.com:${first.port}/`))
    expect(failed).toMatchObject({ code: 'closed', address: '127.0.0.1' })
    expect(second.sockets).toHaveLength(0)
  })

  test('while DNS hangs, fails or knows nothing', async () => {
    const url = 'https://hooks.example.com/'
    const hangs = client({ resolve: () => new Promise(() => undefined) })
    expect(await failure(hangs.get(url, { timeoutMs: 100 }))).toMatchObject({ code: 'timeout', address: undefined })
    const fails = client({ resolve: () => Promise.reject(new DnsError('ESERVFAIL')) })
    expect(await failure(fails.get(url))).toMatchObject({ code: 'dns', detail: 'DNS gave no answer about hooks.example.com (ESERVFAIL).' })
    expect(await failure(client().get('https://nowhere.example.com/'))).toMatchObject({
      code: 'dns',
      detail: expect.stringContaining('knows no address'),
    })
    await hangs.check(url)
  })

  test('when the caller gives up, before or meanwhile', async () => {
    const { port, sockets } = await receiver(() => undefined)
    const url = `http://127.0.0.1:${port}/`
    expect(await failure(client().get(url, { signal: AbortSignal.abort() }))).toMatchObject({ code: 'aborted' })
    expect(sockets).toHaveLength(0)
    const caller = new AbortController()
    const request = failure(client().get(url, { signal: caller.signal }))
    await expect.poll(() => sockets.length).toBe(1)
    caller.abort()
    expect(await request).toMatchObject({ code: 'aborted' })
    await expect.poll(() => sockets[0]!.destroyed).toBe(true)
  })
})

describe('the checked address is the one that is used', () => {
  test('a name that turns from public to private is refused, though a connection to the first address stands open', async () => {
    // 127.0.0.1 stands for a public address: it is opened, 127.0.0.2 is not.
    const first = await receiver((_, response) => response.end('first'))
    const second = await receiver((_, response) => response.end('second'), { host: '127.0.0.2', port: first.port })
    const answers = [['127.0.0.1'], ['127.0.0.2'], ['127.0.0.1', '127.0.0.2']]
    const asked: string[] = []
    const resolve = async (name: string) => {
      asked.push(name)
      return answers.shift() ?? []
    }
    const one = client({ loopback: false, allow: parseAllowList('127.0.0.1/32'), resolve })
    const url = `http://hooks.example.com:${first.port}/`
    expect(await one.get(url)).toMatchObject({ body: Buffer.from('first'), address: '127.0.0.1' })
    expect(asked).toEqual(['hooks.example.com']) // once per request: there is no second look
    expect(await failure(one.get(url))).toMatchObject({ code: 'refused' })
    expect(await failure(one.get(url))).toMatchObject({ code: 'refused' })
    expect([first.requests.length, second.sockets.length]).toEqual([1, 0])
  })

  test('a name that moves is followed to its new address', async () => {
    const first = await receiver((_, response) => response.end('first'))
    await receiver((_, response) => response.end('second'), { host: '127.0.0.2', port: first.port })
    const answers = [['127.0.0.1'], ['127.0.0.2']]
    const one = client({ resolve: async () => answers.shift() ?? [] })
    const url = `http://hooks.example.com:${first.port}/`
    expect([text((await one.get(url)).body), text((await one.get(url)).body)]).toEqual(['first', 'second'])
  })

  test('Host is the name, and the encrypted connection is for the name', async () => {
    const servernames: unknown[] = []
    const { port, requests } = await tlsReceiver((request, response) => {
      servernames.push((request.socket as unknown as { servername: unknown }).servername)
      response.end('ok')
    })
    expect(await client().get(`https://hooks.example.com:${port}/`)).toMatchObject({ status: 200, address: '127.0.0.1' })
    expect(requests[0]!.headers.host).toBe(`hooks.example.com:${port}`)
    expect(await client().get(`https://127.0.0.1:${port}/`)).toMatchObject({ status: 200 })
    expect(servernames).toEqual(['hooks.example.com', false])
  })
})

describe('TLS', () => {
  test('a certificate that nobody vouches for, or of another name, gets nothing', async () => {
    const { port, requests } = await tlsReceiver((_, response) => response.end())
    const unknown = await failure(httpClientWithoutCa().get(`https://hooks.example.com:${port}/`))
    expect(unknown).toMatchObject({ code: 'tls', detail: expect.stringContaining('not trusted') })
    const other = await failure(client().get(`https://other.example.com:${port}/`))
    expect(other).toMatchObject({ code: 'tls', detail: 'The certificate is for another name.' })
    expect(requests).toHaveLength(0)
  })

  test('is held to also where the environment says otherwise', async () => {
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    onTestFinished(() => {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
    })
    const { port } = await tlsReceiver((_, response) => response.end())
    expect(await failure(httpClientWithoutCa().get(`https://hooks.example.com:${port}/`))).toMatchObject({ code: 'tls' })
  })

  test('with a server that speaks none fails as such', async () => {
    const { port } = await receiver((_, response) => response.end())
    expect(await failure(client().get(`https://hooks.example.com:${port}/`))).toMatchObject({ code: 'tls' })
  })

  const httpClientWithoutCa = () => {
    const opened = httpClient({ loopback: true, allow: [], resolve: async () => ['127.0.0.1'] })
    onTestFinished(() => opened.close())
    return { get: (url: string) => opened.request({ url, method: 'GET', headers: {}, timeoutMs: 20_000, maxBytes: 0 }) }
  }
})

describe('connections', () => {
  test('are used again within a group, and not between groups', async () => {
    const { port, sockets } = await receiver((_, response) => response.end())
    const one = client()
    for (const group of ['a', 'a', 'b', 'a', 'b']) {
      await one.get(`http://127.0.0.1:${port}/`, { group })
      await sleep(20) // a connection is free again one turn of the event loop after its answer
    }
    expect(sockets).toHaveLength(2)
  })

  test('are bounded per origin; requests wait for one, within their time', async () => {
    let atOnce = 0
    let most = 0
    const { port, sockets } = await receiver(async (_, response) => {
      most = Math.max(most, ++atOnce)
      await sleep(20)
      atOnce--
      response.end()
    })
    const one = client({ perOrigin: 3 })
    const answers = await Promise.all(Array.from({ length: 12 }, () => one.get(`http://127.0.0.1:${port}/`)))
    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(200))
    expect([most, sockets.length]).toEqual([3, 3])
  })

  test('a request that was given up while it waited is never sent', async () => {
    const { port, requests } = await receiver(
      (request, response) => void setTimeout(() => response.end(), request.url === '/slow' ? 600 : 0),
    )
    const one = client({ perOrigin: 1 })
    const slow = one.get(`http://127.0.0.1:${port}/slow`)
    expect(await failure(one.get(`http://127.0.0.1:${port}/late`, { timeoutMs: 100 }))).toMatchObject({ code: 'timeout' })
    await slow
    expect(await one.get(`http://127.0.0.1:${port}/next`)).toMatchObject({ status: 200 })
    expect(requests.map(({ url }) => url)).toEqual(['/slow', '/next'])
  })

  test('of the pool that was used least lately are closed when there are too many, when their requests are done', async () => {
    const { port, sockets } = await receiver(
      (request, response) => void setTimeout(() => response.end(), request.url === '/slow' ? 200 : 0),
    )
    const one = client({ pools: 2 })
    const slow = one.get(`http://127.0.0.1:${port}/slow`, { group: 'a' })
    await expect.poll(() => sockets.length).toBe(1)
    for (const group of ['b', 'c']) await one.get(`http://127.0.0.1:${port}/`, { group })
    expect(await slow).toMatchObject({ status: 200 })
    await expect.poll(() => sockets.map(({ destroyed }) => destroyed)).toEqual([true, false, false])
  })

  test('are all ended by close', async () => {
    const { port, sockets } = await receiver(() => undefined)
    const one = client()
    const hanging = failure(one.get(`http://127.0.0.1:${port}/`))
    await expect.poll(() => sockets.length).toBe(1)
    await one.close()
    expect(await hanging).toMatchObject({ code: 'closed' })
  })
})

test.each([
  [{ Host: 'internal' }, 'host'],
  [{ 'Transfer-Encoding': 'chunked' }, 'transfer-encoding'],
  [{ 'X-A': 'b\r\nX-Injected: 1' }, 'line breaks'],
  [{ 'X\r\nA': 'b' }, 'name'],
])('headers %j are refused and nothing is sent', async (headers, words) => {
  const { port, sockets } = await receiver((_, response) => response.end())
  expect(await failure(client().get(`http://127.0.0.1:${port}/`, { headers }))).toMatchObject({
    code: 'refused',
    detail: expect.stringContaining(words),
  })
  expect(sockets).toHaveLength(0)
})

test('a method outside the list is refused', async () => {
  expect(await failure(client().get('https://hooks.example.com/', { method: 'CONNECT' as 'GET' }))).toMatchObject({ code: 'refused' })
})
