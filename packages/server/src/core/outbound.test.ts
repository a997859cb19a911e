import { expect, test } from 'vitest'
import { checkOutboundHeaders, OutboundHeaderRefused } from './outbound.ts'

test.each([
  'Connection',
  'connection',
  'Keep-Alive',
  'Proxy-Authorization',
  'proxy-connection',
  'TE',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
  'Host',
  'Content-Length',
  'Expect',
  'HTTP2-Settings', // of the connection
  'webhook-id',
  'Webhook-Signature',
  'WEBHOOK-TIMESTAMP',
  'webhook-anything', // of the signature
  '',
  'a b',
  'a:b',
  'ä',
  'a\r\nb',
  'a\0',
  'x'.repeat(201), // no names
])('the header %j cannot be saved', (name) => {
  expect(() => checkOutboundHeaders({ [name]: 'x' })).toThrow(expect.objectContaining({ kind: OutboundHeaderRefused }))
})

test.each(['a\r\nb', 'a\nb', 'a\rb', 'a\0b', 'ä', '\u007f', '漢'])('the value %j cannot be saved', (value) => {
  expect(() => checkOutboundHeaders({ 'X-A': value })).toThrow(expect.objectContaining({ kind: OutboundHeaderRefused }))
})

test('others can', () => {
  checkOutboundHeaders({
    Authorization: 'Bearer x',
    'X-Api-Key': 'a b\tc',
    Cookie: '',
    'content-type': 'application/json',
    "x!#$%&'*+.^_`|~": '~',
  })
  checkOutboundHeaders({})
})

test('each wrong one is named by its place', () => {
  expect(() => checkOutboundHeaders({ Host: 'a', ok: 'b', 'a/b~': 'c' }, '/target/headers')).toThrow(
    expect.objectContaining({
      detail: expect.stringContaining('host'),
      extras: {
        errors: [
          expect.objectContaining({ pointer: '/target/headers/Host' }),
          expect.objectContaining({ pointer: '/target/headers/a~1b~0' }),
        ],
      },
    }),
  )
})
