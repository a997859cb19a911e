import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OutboundUrlRefused } from '../../core/outbound.ts'
import { addressFault } from './addresses.ts'
import { parseAllowList } from './allow-list.ts'
import { httpClient } from './http-client.ts'
import { DnsError } from './resolver.ts'
import { isRefused, readTarget } from './target.ts'

const strict = { loopback: false, allow: [] }
const development = { loopback: true, allow: [] }

/** A client whose DNS notes what it was asked, and knows one public name. */
function watched(rules: { loopback: boolean; allow: ReturnType<typeof parseAllowList> }) {
  const asked: string[] = []
  const resolve = async (name: string) => {
    asked.push(name)
    if (name !== 'hooks.example.com') throw new DnsError('ENOTFOUND')
    return ['93.184.215.14', '2606:2800:21f:cb07:6820:80da:af6b:8b2c']
  }
  return { ...httpClient({ ...rules, resolve }), asked }
}
const get = { method: 'GET', headers: {}, timeoutMs: 10_000, maxBytes: 0 } as const

/** Written as attackers write them; each means an address, a name or a thing that no request may reach. */
const hostile: Readonly<Record<string, readonly string[]>> = {
  'loopback in other words': [
    'https://127.0.0.1/',
    'https://127.1/',
    'https://127.0.1/',
    'https://0x7f.1/',
    'https://0x7f000001/',
    'https://0X7F.0.0.1/',
    'https://2130706433/',
    'https://017700000001/',
    'https://0177.0.0.01/',
    'https://0177.0x0.0.1/',
    'https://127.0.0.1./',
    'https://127.255.255.254/',
    'https://127%2e0%2e0%2e1/',
    'https://%31%32%37.0.0.1/',
    'https://127。0。0。1/',
    'https://①②⑦.⓪.⓪.①/',
    'https://１２７．０．０．１/',
    'https://[::1]/',
    'https://[0:0:0:0:0:0:0:1]/',
    'https://[0000::0001]/',
    'https://localhost/',
    'https://LOCALHOST/',
    'https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/',
    'https://app.localhost/',
    'https://localhost./',
    'https://localhost%2e/',
  ],
  'this host, and the one below': ['https://0/', 'https://0.0.0.0/', 'https://0x0/', 'https://00/', 'https://0.1.2.3/', 'https://[::]/'],
  'metadata services': [
    'https://169.254.169.254/latest/meta-data/',
    'https://0xa9fea9fe/',
    'https://2852039166/',
    'https://0251.0376.0251.0376/',
    'https://169.16689662/',
    'https://169。254。169。254/',
    'https://[fd00:ec2::254]/',
    'https://100.100.100.200/',
    'https://192.0.0.192/',
    'https://168.63.129.16/',
    'https://metadata.google.internal/',
    'https://metadata/',
  ],
  'IPv4 inside IPv6': [
    'https://[::ffff:a9fe:a9fe]/',
    'https://[::ffff:169.254.169.254]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:8.8.8.8]/',
    'https://[0:0:0:0:0:ffff:7f00:1]/',
    'https://[::127.0.0.1]/',
    'https://[::7f00:1]/',
    'https://[::ffff:0:127.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[64:ff9b::10.0.0.1]/',
    'https://[64:ff9b:1::a00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[2002:a00:1::1]/',
    'https://[2001::f5ff:fffe]/',
    'https://[2001:0:4136:e378:8000:63bf:80ff:fffe]/',
  ],
  'private and special networks': [
    'https://10.0.0.1/',
    'https://10.1/',
    'https://172.16.0.1/',
    'https://172.31.255.255/',
    'https://192.168.0.1/',
    'https://192.168.257/',
    'https://100.64.0.1/',
    'https://192.0.2.1/',
    'https://198.18.0.1/',
    'https://198.51.100.1/',
    'https://203.0.113.9/',
    'https://192.88.99.1/',
    'https://224.0.0.1/',
    'https://240.0.0.1/',
    'https://255.255.255.255/',
    'https://[fc00::1]/',
    'https://[fd12:3456::1]/',
    'https://[fe80::1]/',
    'https://[fec0::1]/',
    'https://[ff02::1]/',
    'https://[2001:db8::1]/',
    'https://[3fff::1]/',
    'https://[2001:2::1]/',
    'https://[100::1]/',
    'https://[5f00::1]/',
    'https://[4000::1]/',
  ],
  'names of a local network': [
    'https://redis/',
    'https://intranet/',
    'https://printer.local/',
    'https://vault.corp/',
    'https://nas.home.arpa/',
  ],
  'what is no host': [
    'https://',
    'https:///',
    'https://a..b.example.com/',
    'https://.example.com/',
    'https://hooks.example.com./',
    'https://hooks.example.com../',
    `https://${'a'.repeat(64)}.example.com/`,
    `https://${'abcdefg.'.repeat(32)}example.com/`,
    'https://-a.example.com/',
    "https://a'b.example.com/",
    'https://a$b.example.com/',
    'https://1.2.3.4.5/',
    'https://256.256.256.256/',
    'https://1.2.3.08/',
    'https://[fe80::1%25eth0]/',
    'https://[fe80::1%eth0]/',
    'https://[::1/',
    'https://xn--/',
    'https://hooks.example.com:99999/',
  ],
  'what is no plain https URL': [
    'http://hooks.example.com/',
    'ftp://hooks.example.com/',
    'file:///etc/passwd',
    'gopher://hooks.example.com/',
    'javascript:alert(1)',
    'data:text/plain,x',
    'unix:/run/postgresql',
    'hooks.example.com',
    '//hooks.example.com/',
    '/hook',
    '',
    ' https://hooks.example.com/',
    'https://hooks.example.com/\r\nX-Injected: 1',
    'https://hooks.exa\tmple.com/',
    'https://hooks.example.com\\@127.0.0.1/',
    'https://hooks.example.com\u0000.example.org/',
    `https://hooks.example.com/${'x'.repeat(2048)}`,
  ],
  'a user before the host': [
    'https://user@hooks.example.com/',
    'https://user:secret@hooks.example.com/',
    'https://hooks.example.com@127.0.0.1/',
    'https://hooks.example.com%40127.0.0.1/',
    'https://:secret@hooks.example.com/',
  ],
  'ports of other things': [
    'https://hooks.example.com:22/',
    'https://hooks.example.com:25/',
    'https://hooks.example.com:5432/',
    'https://hooks.example.com:6379/',
    'https://93.184.215.14:6443/',
    'https://hooks.example.com:0/',
  ],
}
const forms = Object.entries(hostile).flatMap(([kind, urls]) => urls.map((url) => [kind, url] as const))

describe('what no workspace may reach', () => {
  test.each(forms)('%s: %j is refused when it is saved and when it is asked for, before DNS', async (_, url) => {
    const client = watched(strict)
    await expect(client.check(url, '/target')).rejects.toMatchObject({
      kind: OutboundUrlRefused,
      extras: { errors: [{ pointer: '/target' }] },
    })
    await expect(client.request({ ...get, url })).rejects.toMatchObject({ code: 'refused', address: undefined, status: undefined })
    expect(client.asked).toEqual([])
  })

  test('the table holds more than sixty forms', () => expect(forms.length).toBeGreaterThan(120))

  const local = new Set(hostile['loopback in other words'])
  test.each(forms.filter(([, url]) => !local.has(url)))('in development too: %s: %j', async (_, url) => {
    await expect(watched(development).request({ ...get, url })).rejects.toMatchObject({ code: expect.stringMatching(/^(refused|dns)$/) })
  })

  test.each([
    ['http://10.0.0.1/', '10.0.0.1 is a private address.'],
    ['https://user@hooks.example.com/', 'user name'],
    ['https://hooks.example.com./', 'leave the dot out'],
    ['http://hooks.example.com/', 'use https'],
    ['https://hooks.example.com:22/', 'use 443, 80, 8080 or 8443'],
    ['https://[fd00::1]/', 'fd00::1 is a private address.'],
    ['https://redis/', 'OUTBOUND_ALLOW'],
  ])('%s says what is wrong and what to do: %s', async (url, words) => {
    await expect(watched(strict).check(url)).rejects.toMatchObject({ detail: expect.stringContaining(words) })
  })
})

describe('what may be reached', () => {
  const allowed: readonly [url: string, asked: readonly string[]][] = [
    ['https://hooks.example.com/', ['hooks.example.com']],
    ['https://HOOKS.example.com:443/a/b?c=d#e', ['hooks.example.com']],
    ['https://hooks.example.com:8443/', ['hooks.example.com']],
    ['https://hooks.example.com:80/', ['hooks.example.com']],
    ['https://hooks.example.com:8080/', ['hooks.example.com']],
    ['https://ｈｏｏｋｓ。ｅｘａｍｐｌｅ。ｃｏｍ/', ['hooks.example.com']],
    ['https://h%6foks.example.com/', ['hooks.example.com']],
    ['https://93.184.215.14/', []],
    ['https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/', []],
    ['https://bücher.example/', ['xn--bcher-kva.example']],
    ['https://under_score.example.com/', ['under_score.example.com']],
  ]
  test.each(allowed)('%s passes', async (url, asked) => {
    const client = watched(strict)
    await client.check(url)
    expect(client.asked).toEqual(asked)
  })

  test.each(['http://localhost:3000/', 'http://127.0.0.1:9/', 'https://[::1]:4000/', 'http://127.1:81/', 'http://app.localhost:3000/'])(
    '%s passes while the service listens on loopback alone',
    async (url) => {
      await watched(development).check(url)
      await expect(watched(strict).check(url)).rejects.toMatchObject({ kind: OutboundUrlRefused })
    },
  )

  test('what the operator opened passes, at its port alone, also by http', async () => {
    const client = watched({ loopback: false, allow: parseAllowList('10.1.0.0/16:9000, [fd00::]/8, 93.184.215.14:6443') })
    for (const url of [
      'http://10.1.2.3:9000/',
      'https://10.1.2.3:9000/',
      'http://[fd00::1]:81/',
      'https://93.184.215.14:6443/',
      'https://93.184.215.14/',
    ])
      await client.check(url)
    for (const url of [
      'http://10.1.2.3:9001/',
      'https://10.1.2.3/',
      'https://10.2.0.1:9000/',
      'https://[fc00::1]/',
      'http://93.184.215.14/',
      'https://[::ffff:10.1.2.3]:9000/',
    ])
      await expect(client.check(url)).rejects.toMatchObject({ kind: OutboundUrlRefused })
  })

  test('a name that DNS does not know passes when it is saved, and has no answer when it is asked for', async () => {
    const client = watched(strict)
    await client.check('https://soon.example.com/')
    await expect(client.request({ ...get, url: 'https://soon.example.com/' })).rejects.toMatchObject({ code: 'dns' })
  })
})

describe('what a name means', () => {
  const behind = (...addresses: string[]) => httpClient({ ...strict, resolve: async () => addresses })
  test.each([
    [['10.0.0.1']],
    [['93.184.215.14', '10.0.0.1']],
    [['10.0.0.1', '93.184.215.14']],
    [['93.184.215.14', '::1']],
    [['93.184.215.14', '::ffff:93.184.215.14']],
    [['fe80::1%eth0']],
    [['169.254.169.254']],
    [['127.0.0.1']],
    [['127.1']],
    [['']],
  ])('%j is refused as a whole', async (addresses) => {
    const client = behind(...addresses)
    await expect(client.check('https://hooks.example.com/')).rejects.toMatchObject({ kind: OutboundUrlRefused })
    await expect(client.request({ ...get, url: 'https://hooks.example.com/' })).rejects.toMatchObject({ code: 'refused' })
  })

  test('a name with an open network behind it passes by http, and is refused when one address lies outside', async () => {
    const allow = parseAllowList('10.0.0.0/8')
    const to = (...addresses: string[]) => httpClient({ loopback: false, allow, resolve: async () => addresses })
    await to('10.0.0.1', '10.0.0.2').check('http://receiver:9000/')
    await expect(to('10.0.0.1', '192.168.0.1').check('https://receiver/')).rejects.toMatchObject({ kind: OutboundUrlRefused })
    await expect(to('93.184.215.14').check('http://receiver/')).rejects.toMatchObject({ detail: expect.stringContaining('use https') })
  })

  test('no addresses at all is an answer of DNS', async () => {
    await expect(behind().request({ ...get, url: 'https://hooks.example.com/' })).rejects.toMatchObject({ code: 'dns' })
  })
})

test.each(['8.8.8.8', '1.1.1.1', '223.255.255.254', '2a00:1450:4001::1', '2606:4700::1111', '2001:4860:4860::8888'])(
  '%s is a public address',
  (address) => {
    expect(addressFault(address)).toBeUndefined()
  },
)

test('an IPv4 address is judged alike however it is written, and never passes inside an IPv6 one', () => {
  const notation = fc.constantFrom<(part: number) => string>(
    String,
    (part) => `0x${part.toString(16)}`,
    (part) => `0${part.toString(8)}`,
  )
  const special = fc.constantFrom([10, 1], [127, 0], [169, 254], [192, 168], [172, 20], [100, 64], [0, 0], [224, 0], [255, 255])
  const octet = fc.nat(255)
  const address = fc.tuple(fc.oneof(special, fc.tuple(octet, octet)), octet, octet).map(([two, ...rest]) => [...two, ...rest])
  const written = fc.tuple(address, fc.integer({ min: 1, max: 4 }), notation, notation, notation, notation)
  fc.assert(
    fc.property(written, ([octets, parts, ...notations]) => {
      // Of fewer than four parts the last holds all the rest: 127.1, 2130706433.
      const last = octets.slice(parts - 1).reduce((sum, part) => sum * 256 + part, 0)
      const host = [...octets.slice(0, parts - 1), last].map((part, index) => notations[index]!(part)).join('.')
      const plain = octets.join('.')
      expect([host, isRefused(readTarget(`https://${host}/`, strict))]).toEqual([host, addressFault(plain) !== undefined])
      for (const prefix of ['::', '::ffff:', '::ffff:0:', '64:ff9b::', '64:ff9b:1::'])
        expect([prefix, isRefused(readTarget(`https://[${prefix}${plain}]/`, strict))]).toEqual([prefix, true])
    }),
    { numRuns: 300 },
  )
})
