import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6
export type Network = Readonly<{ address: Address; bits: number }>

/** An address as a socket or a proxy tells it, without its zone (`fe80::1%eth0`). IPv4 in IPv6 (`::ffff:192.0.2.1`) is IPv4. */
function parseAddress(text: string | undefined): Address | undefined {
  const [bare = ''] = (text ?? '').split('%')
  return isIP(bare) ? ipaddr.process(bare) : undefined // ipaddr.js would also take 10 and 0x7f.1
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address; undefined for anything else. */
export function parseNetwork(cidr: string): Network | undefined {
  const [text = '', length, ...more] = cidr.split('/')
  const version = isIP(text)
  if (version === 0 || more.length > 0 || text.includes('%')) return undefined
  const most = version === 4 ? 32 : 128
  const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN
  if (!(bits <= most)) return undefined
  const isMapped = version === 6 && bits >= 96 && ipaddr.IPv6.parse(text).isIPv4MappedAddress()
  return isMapped ? { address: ipaddr.process(text), bits: bits - 96 } : { address: ipaddr.parse(text), bits }
}

/** @param cidrs networks as `parseNetwork` takes them; others hold nothing. @returns a test of addresses: does one of the networks hold it? */
export function addressTest(cidrs: readonly string[]): (address: string | undefined) => boolean {
  const networks = cidrs.flatMap((cidr) => parseNetwork(cidr) ?? [])
  return (text) => {
    const address = parseAddress(text)
    return address !== undefined && networks.some((network) => holds(network, address))
  }
}

const holds = ({ address: network, bits }: Network, address: Address): boolean =>
  network.kind() === address.kind() && address.match(network as never, bits)

/**
 * Who is behind an address, as far as limits are concerned: an IPv4 address, or the /64 network of an IPv6 address, since
 * whoever has one of its addresses has all of them (RFC 6177).
 * @param text as a socket tells it; anything that is no address is one caller, `unknown`
 */
export function limitedAs(text: string | undefined): string {
  const address = parseAddress(text)
  if (!address) return 'unknown'
  return 'parts' in address
    ? `${address.parts
        .slice(0, 4)
        .map((group) => group.toString(16))
        .join(':')}::/64`
    : address.toString()
}

/** Whose `X-Forwarded-For` is believed: proxies by addresses and networks, or how many stand in front. */
export type TrustedProxies = readonly string[] | number
/** Is what tells of the next address believed? `hop` 0 is the socket's. */
export type Trust = (address: string, hop: number) => boolean

export function trustIn(proxies: TrustedProxies): Trust {
  if (typeof proxies === 'number') return (_address, hop) => hop < proxies
  return addressTest(proxies)
}

type Request = Readonly<{
  headers: Readonly<Record<string, string | string[] | undefined>>
  socket: Readonly<{ remoteAddress?: string | undefined }>
}>

/**
 * The address that a request comes from: the socket's, or, as far as proxies are trusted, what they say in
 * `X-Forwarded-For`: from the right, the first one that is no trusted proxy.
 */
export function callerAddress({ headers, socket }: Request, trust: Trust | undefined): string | undefined {
  const { 'x-forwarded-for': said } = headers
  if (!trust || said === undefined) return socket.remoteAddress
  const told = String(said)
    .split(',')
    .map((part) => part.trim())
  const hops = [socket.remoteAddress ?? '', ...told.filter((part) => part !== '').reverse()]
  return hops.find((address, hop) => !trust(address, hop)) ?? hops.at(-1)
}
