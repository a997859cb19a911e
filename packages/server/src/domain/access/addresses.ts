import { BlockList, isIP } from 'node:net'

type Family = 'ipv4' | 'ipv6'
type Network = Readonly<{ address: string; bits: number; family: Family }>

/** `10.0.0.0/8`, `2001:db8::/32`, or one address; undefined for anything else. */
export function networkOf(cidr: string): Network | undefined {
  const [address = '', length, ...more] = cidr.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0 || address.includes('%')) return undefined
  const most = version === 4 ? 32 : 128
  const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN
  return bits >= 0 && bits <= most ? { address, bits, family: version === 4 ? 'ipv4' : 'ipv6' } : undefined
}

/** @returns a test of addresses: does one of the networks hold it? IPv4 that arrives over an IPv6 socket counts as IPv4 */
export function addressTest(cidrs: readonly string[]): (address: string | undefined) => boolean {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const network = networkOf(cidr)
    if (network) list.addSubnet(network.address, network.bits, network.family)
  }
  return (address) => {
    if (address === undefined) return false
    const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address.split('%')[0]!
    const version = isIP(plain)
    return version !== 0 && list.check(plain, version === 4 ? 'ipv4' : 'ipv6')
  }
}
