import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** What a refused range is called in a sentence, by the name that ipaddr.js gives it. */
const called: Readonly<Record<string, string>> = {
  unspecified: 'an address of this host',
  loopback: 'a loopback address',
  private: 'a private address',
  uniqueLocal: 'a private address',
  linkLocal: 'a link-local address',
  carrierGradeNat: 'an address behind a carrier-grade NAT',
  multicast: 'a multicast address',
  broadcast: 'a broadcast address',
  reserved: 'a reserved address',
  benchmarking: 'an address for benchmarks',
  ipv4Mapped: 'an IPv4 address inside an IPv6 one',
  rfc6145: 'an IPv4 address inside an IPv6 one',
  rfc6052: 'an IPv4 address inside an IPv6 one (NAT64)',
  '6to4': 'an IPv4 address inside an IPv6 one (6to4)',
  teredo: 'an IPv4 address inside an IPv6 one (Teredo)',
}

/** All that IANA has given out for global unicast (RFC 4291 §2.4). Outside it lie `::/96`, `64:ff9b::/96` and whatever comes next. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')

/** Azure's channel from a virtual machine to its host: a public address that is none. */
const platformAddress = '168.63.129.16'

/**
 * Why a request of a workspace may not go to this address; undefined when it is a public one.
 * @param address as a resolver or a URL parser gives it
 */
export function addressFault(address: string): string | undefined {
  if (isIP(address) === 0) return 'no IP address'
  if (address.includes('%')) return 'a link-local address'
  const parsed = ipaddr.parse(address)
  const range = parsed.range() as string
  if (range !== 'unicast') return called[range] ?? 'an address for a special purpose'
  if (parsed.kind() === 'ipv6' && !parsed.match(globalUnicast)) return 'no global unicast address'
  return address === platformAddress ? 'an address of the hosting platform' : undefined
}

export const isLoopbackAddress = (address: string): boolean =>
  isIP(address) > 0 && !address.includes('%') && (ipaddr.parse(address).range() as string) === 'loopback'
