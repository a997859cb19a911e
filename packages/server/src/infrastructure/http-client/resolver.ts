import { Resolver } from 'node:dns/promises'

/**
 * All IPv4 and IPv6 addresses of a name, in the order to try them.
 * @throws DnsError when there are none
 */
export type Resolve = (name: string) => Promise<readonly string[]>

/** The name has no address (`code` `ENOTFOUND`, `ENODATA`), or DNS did not say. */
export class DnsError extends Error {
  readonly code: string
  constructor(code: string) {
    super(code)
    this.code = code
  }
}

/**
 * Asks the DNS servers of the machine. Not `dns.lookup`: that occupies a thread of the four that files and everything else
 * wait for, and a name server that never answers is as easily set up as a receiver. So /etc/hosts is not read.
 * @param servers others than the machine's, such as `192.0.2.1:53`
 * @param timeoutMs how long each of two tries waits
 */
export function dnsResolver(servers?: readonly string[], timeoutMs = 2000): Resolve {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 })
  if (servers) resolver.setServers(servers)
  return async (name) => {
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    // A family without an answer is never used, so it need not be judged; many servers say nothing about AAAA.
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    if (addresses.length > 0) return addresses
    const codes = answers.map((answer) => (answer.status === 'rejected' ? (answer.reason as NodeJS.ErrnoException).code : undefined))
    throw new DnsError(codes.find((code) => code !== 'ENODATA') ?? 'ENODATA')
  }
}
