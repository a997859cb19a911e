import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEndpointEncoder } from './endpoint.ts'

type Asked = { path: string | undefined; key: string | undefined; body: { model: string; input: string[] } }
const asked: Asked[] = []
/** What the endpoint does next. */
let behave: (response: ServerResponse, body: Asked['body']) => void
const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  let text = ''
  request.on('data', (chunk) => (text += chunk))
  request.on('end', () => {
    const body = JSON.parse(text)
    asked.push({ path: request.url, key: request.headers.authorization, body })
    behave(response, body)
  })
})
let url: string
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
})
afterAll(() => {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(resolve))
})

const answer =
  (data: unknown, status = 200) =>
  (response: ServerResponse) =>
    response.writeHead(status).end(JSON.stringify(data))

test('texts are sent as OpenAI has it, and vectors come in their order', async () => {
  behave = (response, { input }) =>
    answer({ data: input.map((text, index) => ({ index, embedding: [text.length, index] })).reverse() })(response)
  const encoder = createEndpointEncoder({ url, model: 'small', apiKey: 'secret' })
  expect((await encoder.embed(['a', 'bbb'], 5_000)).map((vector) => [...vector])).toEqual([
    [1, 0],
    [3, 1],
  ])
  expect(asked.at(-1)).toEqual({
    path: '/v1/embeddings',
    key: 'Bearer secret',
    body: { model: 'small', input: ['a', 'bbb'], encoding_format: 'float' },
  })
  expect(encoder.model).toMatch(/^small@127/)
  await encoder.close()
})

test('an address that ends in /embeddings is taken as it is, and no key is sent where there is none', async () => {
  behave = answer({ data: [{ embedding: [1] }] })
  await createEndpointEncoder({ url: `${url}/embeddings`, model: 'm' }).embed(['a'], 5_000)
  expect(asked.at(-1)).toMatchObject({ path: '/v1/embeddings', key: undefined })
})

test.each<[string, unknown, number, RegExp]>([
  ['an error', {}, 500, /answered 500/],
  ['a refusal', {}, 401, /answered 401/],
  ['too few vectors', { data: [{ embedding: [1] }] }, 200, /one vector for each/],
  ['vectors of different lengths', { data: [{ embedding: [1] }, { embedding: [1, 2] }] }, 200, /one vector for each/],
  ['no numbers', { data: [{ embedding: ['1'] }, { embedding: [null] }] }, 200, /one vector for each/],
  [
    'the same place twice',
    {
      data: [
        { index: 0, embedding: [1] },
        { index: 0, embedding: [1] },
      ],
    },
    200,
    /one vector for each/,
  ],
  ['nothing', {}, 200, /one vector for each/],
])('%s is a failure', async (_what, data, status, message) => {
  behave = answer(data, status)
  await expect(createEndpointEncoder({ url, model: 'm' }).embed(['a', 'b'], 5_000)).rejects.toThrow(message)
})

test('an endpoint that hangs is given up', async () => {
  behave = () => undefined
  await expect(createEndpointEncoder({ url, model: 'm' }).embed(['a'], 100)).rejects.toThrow(/timeout|abort/i)
})

test('a redirect is not followed: the key would go elsewhere', async () => {
  behave = (response) => response.writeHead(302, { Location: 'http://127.0.0.1:9/' }).end()
  await expect(createEndpointEncoder({ url, model: 'm', apiKey: 'k' }).embed(['a'], 5_000)).rejects.toThrow()
})
