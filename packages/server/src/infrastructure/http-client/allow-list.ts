import { isIP, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'

/** A network that the operator opens to workspaces, at one port or at all of them. */
export type AllowedNetwork = Readonly<{ network: readonly [ipaddr.IPv4 | ipaddr.IPv6, number]; port: number | undefined }>

/** An entry of OUTBOUND_ALLOW that cannot be read; the message says which and why. */
export class AllowListError extends Error {}

const forms = [
  /^\[(?<address>[^\]]*)\](?:\/(?<bits>\d{1,3}))?(?::(?<port>\d{1,5}))?$/, // [fd00::]/8:443, [fd00::1]:443
  /^(?<address>[^[\]/]+)\/(?<bits>\d{1,3})(?::(?<port>\d{1,5}))?$/, // 10.0.0.0/8:9000, fd00::/8
  /^(?<address>[\d.]+)(?::(?<port>\d{1,5}))?$/, // 10.1.2.3:9000
  /^(?<address>[^[\]/]+)$/, // fd00::1
]

/**
 * Read `cidr[:port],…`. An address without a length is that address alone; an IPv6 address with a port and no length stands in brackets.
 * @throws AllowListError
 */
export function parseAllowList(text: string): readonly AllowedNetwork[] {
  return text.split(',').map((entry) => parseEntry(entry.trim()))
}

function parseEntry(entry: string): AllowedNetwork {
  const wrong = (why: string) => new AllowListError(`"${entry.slice(0, 60)}" ${why}`)
  const { address = '', bits: length, port } = forms.map((form) => form.exec(entry)).find((match) => match)?.groups ?? {}
  if (isIP(address) === 0 || address.includes('%') || (entry.startsWith('[') && !isIPv6(address)))
    throw wrong('is no network such as 10.0.0.0/8, 192.168.1.7:9000 or [fd00::]/8:443')
  const parsed = ipaddr.parse(address)
  const whole = parsed.kind() === 'ipv4' ? 32 : 128
  const bits = Number(length ?? whole)
  if (bits > whole) throw wrong(`has a length over ${whole}`)
  if (port !== undefined && !(Number(port) >= 1 && Number(port) <= 65_535)) throw wrong('has a port outside 1 to 65535')
  const first = (parsed.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6).networkAddressFromCIDR(`${parsed.toString()}/${bits}`).toString()
  if (first !== parsed.toString()) throw wrong(`starts in the middle of a network; write ${first}/${bits}`)
  return { network: [parsed, bits], port: port === undefined ? undefined : Number(port) }
}

/** Whether a network of the list opens this address at this port. */
export function isAllowed(list: readonly AllowedNetwork[], address: string, port: number): boolean {
  const parsed = ipaddr.parse(address)
  return list.some(
    ({ network: [first, bits], port: only }) =>
      first.kind() === parsed.kind() && parsed.match(first, bits) && (only === undefined || only === port),
  )
}
