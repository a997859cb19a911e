import { describe, expect, onTestFinished, test } from 'vitest'
import { httpClient } from './http-client.ts'
import { DnsError, dnsResolver } from './resolver.ts'
import { nameServer } from './testing/name-server.ts'
import { receiver } from './testing/receivers.ts'

describe('the resolver', () => {
  test('gives the addresses of both families, and asks nobody but the server', async () => {
    const { server, asked } = await nameServer({ 'hooks.example.com': ['93.184.215.14', '93.184.215.15', '2606:2800::1'] })
    const found = await dnsResolver([server])('hooks.example.com')
    expect([...found].sort()).toEqual(['2606:2800::1', '93.184.215.14', '93.184.215.15'])
    expect(asked.sort()).toEqual(['A hooks.example.com', 'AAAA hooks.example.com'])
  })

  test.each([
    ['has no IPv6 address', { A: ['192.0.2.1'], AAAA: [] }],
    ['has an IPv6 address that the server fails to tell', { A: ['192.0.2.1'], AAAA: 2 }],
    ['has an IPv6 address that the server is silent about', { A: ['192.0.2.1'], AAAA: 'silent' }],
  ] as const)('knows a name that %s', async (_, known) => {
    const { server } = await nameServer({ 'hooks.example.com': known })
    expect(await dnsResolver([server], 500)('hooks.example.com')).toEqual(['192.0.2.1'])
  })

  test.each([
    ['there is no such name', 3, 'ENOTFOUND'],
    ['it has no addresses', [], 'ENODATA'],
    ['the server fails', 2, 'ESERVFAIL'],
    ['the server is silent', 'silent', 'ETIMEOUT'],
    ['one family has none and the other fails', { A: [], AAAA: 2 }, 'ESERVFAIL'],
  ] as const)('says so when %s', async (_, known, code) => {
    const { server } = await nameServer({ 'hooks.example.com': known })
    const failed = await dnsResolver([server], 500)('hooks.example.com').catch((error) => error)
    expect(failed).toBeInstanceOf(DnsError)
    expect(failed).toMatchObject({ code })
  })

  test('refuses what is no name', async () => {
    await expect(dnsResolver()(`${'a'.repeat(64)}.example.com`)).rejects.toBeInstanceOf(DnsError)
  })
})

test('a request resolves its name once, by both families, each time anew, and follows what DNS then says', async () => {
  const { port, requests } = await receiver((_, response) => response.end())
  const zone: Record<string, readonly string[]> = { 'hooks.example.com': ['127.0.0.1'] }
  const { server, asked } = await nameServer(zone)
  const client = httpClient({ loopback: true, allow: [], resolve: dnsResolver([server]) })
  onTestFinished(() => client.close())
  const get = () => client.request({ url: `http://hooks.example.com:${port}/`, method: 'GET', headers: {}, timeoutMs: 20_000, maxBytes: 0 })
  expect(await get()).toMatchObject({ status: 200, address: '127.0.0.1' })
  expect(new Set(asked).size).toBe(2)
  zone['hooks.example.com'] = ['10.0.0.1']
  await expect(get()).rejects.toMatchObject({ code: 'refused', detail: expect.stringContaining('10.0.0.1, which is a private address') })
  expect(requests).toHaveLength(1)
})
