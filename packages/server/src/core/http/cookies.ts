/** The value of a cookie in a `Cookie` header (RFC 6265 §4.2), the first of that name; undefined without it. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}

/**
 * A `Set-Cookie` for this host alone, over TLS or loopback, out of reach of scripts, not sent along from other sites'
 * pages but for plain links. @param name must begin with `__Host-`; @param seconds 0 takes it away
 */
export const hostCookie = (name: string, value: string, seconds: number): string =>
  `${name}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; Secure; SameSite=Lax`
