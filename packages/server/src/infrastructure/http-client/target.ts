import { isIP } from 'node:net'
import { addressFault, isLoopbackAddress } from './addresses.ts'
import { type AllowedNetwork, isAllowed } from './allow-list.ts'

export type GuardRules = Readonly<{
  /** Loopback may be reached, at any port and by http: only while the service itself listens on loopback alone. */
  loopback: boolean
  /** What the operator opened besides. */
  allow: readonly AllowedNetwork[]
}>

/** Where a request goes, as far as the URL alone tells. */
export type Target = Readonly<{
  url: URL
  /** Without the brackets of an IPv6 address. */
  host: string
  port: number
  /** The addresses, where the host needs no DNS. */
  literal: readonly string[] | undefined
}>

/** A target, or the sentence that says why there is none and what to do. */
export type Refusable<T> = T | { refused: string }
export const isRefused = <T extends object>(value: Refusable<T>): value is { refused: string } => 'refused' in value

const openPorts = new Set([443, 80, 8080, 8443])
/** Names that stand for the local network (RFC 6761, 6762, 8375, and ICANN's .internal). */
const localName = /(^|\.)(localhost|local|internal|intranet|lan|home|corp|home\.arpa)$|^[^.]+$/
const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/

/**
 * Read a URL as the WHATWG says, so that `0x7f.1`, `%31` and `。` are seen for what they are, and judge all that can be
 * judged without DNS.
 */
export function readTarget(text: string, rules: GuardRules): Refusable<Target> {
  const url = text.length <= 2048 ? URL.parse(text) : null
  // What parsers disagree about is refused: tabs, line breaks and blanks vanish, a backslash is a slash to some.
  if (!url || /[\s\\\p{Cc}]/u.test(text)) return { refused: 'It is no URL; send one such as https://hooks.example.com/path.' }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return { refused: 'It is no https URL.' }
  if (url.username || url.password) return { refused: 'It holds a user name or password; send them in a header.' }
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  const literal = isIP(host) > 0 ? [host] : /(^|\.)localhost$/.test(host) ? ['127.0.0.1', '::1'] : undefined
  const target: Target = { url, host, port, literal }
  const fault = literal ? addressesFault(target, literal, rules) : nameFault(target, rules)
  return fault ? { refused: fault } : target
}

/** What is wrong with a name before anybody asks DNS about it. */
function nameFault({ url, host, port }: Target, rules: GuardRules): string | undefined {
  if (host.endsWith('.')) return 'Its host ends with a dot; leave the dot out.'
  if (host.length > 253 || !host.split('.').every((part) => label.test(part))) return `${host.slice(0, 80)} is no host name.`
  // What is open for any port and by http may be behind any name: there DNS must say first.
  if (rules.allow.length > 0 || rules.loopback) return undefined
  if (localName.test(host)) return `${host} is a name of a local network. ${opened}`
  return url.protocol === 'http:' ? needsHttps : portFault(port)
}

const opened = 'Use a public name, or have the operator open the network with OUTBOUND_ALLOW.'
const needsHttps = 'It is not encrypted; use https.'
const portFault = (port: number) =>
  openPorts.has(port) ? undefined : `Port ${port} is not open; use 443, 80, 8080 or 8443, or have the operator open it with OUTBOUND_ALLOW.`

/**
 * Judge all addresses behind a host: one that is forbidden forbids the name, whichever would have been taken.
 * @returns undefined when a request may go to every one of them
 */
export function addressesFault({ url, host, port }: Target, addresses: readonly string[], rules: GuardRules): string | undefined {
  for (const address of addresses) {
    const isOpen = isIP(address) > 0 && !address.includes('%') && isAllowed(rules.allow, address, port)
    if (isOpen || (rules.loopback && isLoopbackAddress(address))) continue
    const fault = addressFault(address)
    if (fault) return `${host === address ? address : `${host} is ${address}, which`} is ${fault}. ${opened}`
    const rest = url.protocol === 'http:' ? needsHttps : portFault(port)
    if (rest) return rest
  }
  return undefined
}
