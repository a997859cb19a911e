import { isIP, isIPv6 } from 'node:net'

/** The eight groups of an IPv6 address, `::` written out; an IPv4 address at its end counts as two. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = address.split('::')
  const parts = (text: string) => text.split(':').filter((part) => part !== '')
  const width = (all: readonly string[]) => all.length + (all.some((part) => part.includes('.')) ? 1 : 0)
  const before = parts(head)
  const after = parts(tail ?? '')
  if (tail === undefined) return before
  return [...before, ...Array<string>(Math.max(0, 8 - width(before) - width(after))).fill('0'), ...after]
}

/**
 * Who is behind an address, as far as limits are concerned: an IPv4 address, or the /64 network of an IPv6 address, since
 * whoever has one of its addresses has all of them (RFC 6177). IPv4 in IPv6 (`::ffff:192.0.2.1`) is IPv4.
 * @param address as a socket tells it; anything that is no address is one caller, `unknown`
 */
export function networkOf(address: string | undefined): string {
  const [bare = ''] = (address ?? '').split('%') // fe80::1%eth0
  if (!isIP(bare)) return 'unknown'
  if (!isIPv6(bare)) return bare
  const mapped = /^(?:::|(?:0{1,4}:){5})ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1]
  if (mapped) return mapped
  const network = groupsOf(bare).slice(0, 4)
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
