import { expect, test } from 'vitest'
import { addressTest, callerAddress, limitedAs, parseNetwork, trustIn } from './addresses.ts'

test.each([
  ['10.0.0.0/8', true],
  ['10.1.2.3', true],
  ['::1', true],
  ['2001:db8::/32', true],
  ['0.0.0.0/0', true],
  ['::ffff:10.0.0.0/104', true],
  ['10.0.0.0/33', false],
  ['::/129', false],
  ['10.0.0.0/', false],
  ['10.0.0.0/8/8', false],
  ['10.0.0.0/-1', false],
  ['10.0.0', false],
  ['10', false],
  ['0x7f.1', false],
  ['fe80::1%eth0', false],
  ['', false],
])('%s is a network: %s', (text, yes) => expect(parseNetwork(text) !== undefined).toBe(yes))

test('an address is looked for in all networks; IPv4 over IPv6 is IPv4; none at all is in none', () => {
  const admits = addressTest(['10.0.0.0/8', '2001:db8::/32', '192.168.1.7', '::ffff:172.16.0.0/108', 'nonsense'])
  const inside = ['10.255.0.1', '::ffff:10.1.2.3', '::FFFF:10.1.2.3', '2001:db8:1::1', '192.168.1.7', '172.31.0.1', '2001:db8::1%eth0']
  const outside = ['11.0.0.1', '::ffff:11.0.0.1', '2001:db9::1', '192.168.1.8', '::1', '172.32.0.1', 'nonsense', '10', '', undefined]
  expect([inside.filter((one) => !admits(one)), outside.filter((one) => admits(one))]).toEqual([[], []])
  expect(['1.2.3.4', '::1'].map(addressTest(['0.0.0.0/0']))).toEqual([true, false])
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['127.0.0.1', '127.0.0.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:192.0.2.1', '192.0.2.1'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8::ffff:1', '2001:db8:0:0::/64'],
  ['2001:0DB8:0:0:1:2:3:4', '2001:db8:0:0::/64'],
  ['2001:db8:1:2:aaaa::', '2001:db8:1:2::/64'],
  ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['', 'unknown'],
  [undefined, 'unknown'],
  ['not an address', 'unknown'],
  ['192.0.2.1:80', 'unknown'],
])('%s is limited as %s', (address, network) => {
  expect(limitedAs(address)).toBe(network)
})

test.each([
  ['nobody is trusted', undefined, '1.1.1.1', '9.9.9.9'],
  ['one proxy in front', 1, '1.1.1.1, 2.2.2.2', '2.2.2.2'],
  ['two proxies in front', 2, '1.1.1.1, 2.2.2.2', '1.1.1.1'],
  ['fewer addresses than proxies', 3, '2.2.2.2', '2.2.2.2'],
  ['the socket is a trusted proxy', ['9.0.0.0/8'], '1.1.1.1, 2.2.2.2', '2.2.2.2'],
  ['trusted ones are passed over', ['9.9.9.9', '2.2.2.2'], '1.1.1.1, 2.2.2.2', '1.1.1.1'],
  ['the socket is none', ['2.2.2.2'], '1.1.1.1, 2.2.2.2', '9.9.9.9'],
  ['all are trusted', ['0.0.0.0/0'], '1.1.1.1,2.2.2.2', '1.1.1.1'],
  ['what is no address is not trusted', ['9.9.9.9'], '1.1.1.1, unknown', 'unknown'],
  ['nothing is said', ['9.9.9.9'], ' , ', '9.9.9.9'],
])('where %s, X-Forwarded-For is believed so far', (_what, proxies, said, expected) => {
  const request = { headers: { 'x-forwarded-for': said }, socket: { remoteAddress: '9.9.9.9' } }
  expect(callerAddress(request, proxies === undefined ? undefined : trustIn(proxies))).toBe(expected)
})
