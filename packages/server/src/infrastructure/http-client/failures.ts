import type { OutboundFailureCode } from '../../core/outbound.ts'
import { Failed } from './deadline.ts'
import { DnsError } from './resolver.ts'

type Failure = Readonly<{ code: OutboundFailureCode; detail: string }>

const connecting: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nothing listens there',
  EHOSTUNREACH: 'The host cannot be reached',
  ENETUNREACH: 'The network cannot be reached',
  ETIMEDOUT: 'The host does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'The host does not take the connection',
  EADDRNOTAVAIL: 'There is no way to this address',
}

/** Before anything was sent: whatever is not of TCP is of TLS. */
export function connectFailure(error: Error, isEncrypted: boolean): Failure {
  const code = codeOf(error)
  const known = connecting[code]
  if (known) return { code: 'connect', detail: `${known} (${code}).` }
  if (!isEncrypted) return { code: 'connect', detail: `The connection failed (${code}).` }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return { code: 'tls', detail: 'The certificate is for another name.' }
  if (code === 'CERT_HAS_EXPIRED') return { code: 'tls', detail: 'The certificate has expired.' }
  if (/CERT|SIGNATURE|ISSUER/.test(code)) return { code: 'tls', detail: `The certificate is not trusted (${code}).` }
  return { code: 'tls', detail: `No encrypted connection came about (${code}).` }
}

/** After the request was sent, or begun. */
export function answerFailure(error: Error): Failure {
  const code = codeOf(error)
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return { code: 'invalid', detail: "The answer's head is over 16 kB." }
  // The parser's own code is missing in undici 8.12 (it looks it up the wrong way round); its message names an early end.
  if (error.name === 'HTTPParserError' && !/EOF/.test(error.message)) return { code: 'invalid', detail: 'The answer is not HTTP.' }
  if (error.message === 'bad upgrade' || error.message === 'bad response')
    return { code: 'invalid', detail: 'The answer does not belong to the request.' }
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH')
    return { code: 'closed', detail: 'The answer ended before it had the length that its head named.' }
  return { code: 'closed', detail: 'The connection was closed before the answer was whole.' }
}

export function dnsFailure(error: unknown, name: string): Failed {
  if (!(error instanceof DnsError)) throw error
  const known = error.code === 'ENOTFOUND' || error.code === 'ENODATA'
  return new Failed('dns', `${known ? 'DNS knows no address of' : 'DNS gave no answer about'} ${name} (${error.code}).`)
}

const codeOf = (error: Error): string => {
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : 'unknown'
}
