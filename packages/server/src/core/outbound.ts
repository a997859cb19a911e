import { AppError, errorKind } from './errors.ts'

/**
 * The way out to URLs that a workspace has given: webhooks, HTTP steps of chains. Nobody else may fetch such a URL.
 * URLs of the environment (a model server, the identity provider) are the operator's and do not come here.
 */
export type Outbound = Readonly<{
  /**
   * For when a URL is saved: is it one that a request could go to? A name that is not known to DNS (yet) passes; each
   * request looks again, so this is for an early word to people and not what protects.
   * @param pointer where the URL stands in the body, for the problem document
   * @throws AppError OutboundUrlRefused
   */
  check(url: string, pointer?: string): Promise<void>
  /** Send one request, never follow a redirect: 3xx is an answer like others. @throws OutboundFailure and nothing else */
  request(input: OutboundRequest): Promise<OutboundAnswer>
}>

export type OutboundMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'

export type OutboundRequest = Readonly<{
  url: string
  method: OutboundMethod
  /** Names in any case; of two that differ in case alone the later wins. */
  headers: Readonly<Record<string, string>>
  body?: Uint8Array | string
  /** Milliseconds, 1 to 600,000, for all together: DNS, connecting, TLS, waiting for a connection, head and body. */
  timeoutMs: number
  /** Bytes of the answer's body to keep; what is longer is cut, and the connection closed. */
  maxBytes: number
  /** Connections are shared within a group and an origin. With an id per receiver none waits for another at the same origin. */
  group?: string
  signal?: AbortSignal
}>

export type OutboundAnswer = Readonly<{
  /** 200 to 999, as it came. */
  status: number
  /** Names in lower case; several of one name are joined by `, `. */
  headers: Readonly<Record<string, string>>
  /** As it came: nothing is decompressed. */
  body: Uint8Array
  /** The body was longer than `maxBytes`. */
  truncated: boolean
  /** The IP address that answered. */
  address: string
  tookMs: number
}>

/**
 * Why there is no answer:
 * - `refused`: the guard forbids the URL, an address behind it, or a header; nothing was sent
 * - `dns`: the name has no address, or DNS did not say
 * - `connect`: no address took the connection
 * - `tls`: no trusted encrypted connection came about; nothing was sent
 * - `timeout`: not done within `timeoutMs`
 * - `closed`: the connection broke before the answer was whole
 * - `invalid`: what came back is not HTTP, or its head is too large
 * - `aborted`: the caller's `signal`
 */
export type OutboundFailureCode = 'refused' | 'dns' | 'connect' | 'tls' | 'timeout' | 'closed' | 'invalid' | 'aborted'

/** No answer. `detail` is a sentence for people; after `timeout`, `closed` and `aborted` the receiver may have acted on the request. */
export class OutboundFailure extends Error {
  readonly code: OutboundFailureCode
  readonly detail: string
  /** The address that was tried last, when it came to that. */
  readonly address: string | undefined
  /** The answer's status, when its head had come. */
  readonly status: number | undefined
  readonly tookMs: number
  constructor(
    code: OutboundFailureCode,
    detail: string,
    facts: { address?: string | undefined; status?: number | undefined; tookMs: number },
  ) {
    super(`${code}: ${detail}`)
    this.code = code
    this.detail = detail
    this.address = facts.address
    this.status = facts.status
    this.tookMs = facts.tookMs
  }
}

export const OutboundUrlRefused = errorKind({ code: 'outbound.url_refused', status: 422, title: 'The service sends nothing to this URL' })
export const OutboundHeaderRefused = errorKind({ code: 'outbound.header_refused', status: 422, title: 'This header cannot be sent' })

/** What belongs to a connection and not to a message (RFC 9110 §7.6.1), or is made from the request itself. */
const connectionHeaders = new Set(
  'connection content-length expect host http2-settings keep-alive te trailer transfer-encoding upgrade'.split(' '),
)
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$/
const visible = /^[\t\x20-\x7e]*$/

/** Why a header cannot be sent, whoever gives it; undefined when it can. */
export function headerFault(name: string, value: string): string | undefined {
  if (!token.test(name)) return 'A header needs a name of 1 to 200 letters, digits and hyphens.'
  const lower = name.toLowerCase()
  if (connectionHeaders.has(lower) || lower.startsWith('proxy-'))
    return `The header ${lower} belongs to the connection and is set by the service; leave it out.`
  if (!visible.test(value)) return `The header ${lower} may hold visible ASCII characters and spaces only, and no line breaks.`
  return undefined
}

/**
 * For when headers are saved that a workspace wants to have sent. `webhook-*` is refused besides: those are the signature's.
 * @param pointer where the headers stand in the body
 * @throws AppError OutboundHeaderRefused, with an error per header
 */
export function checkOutboundHeaders(headers: Readonly<Record<string, string>>, pointer = '/headers'): void {
  const errors = Object.entries(headers).flatMap(([name, value]) => {
    const fault = name.toLowerCase().startsWith('webhook-')
      ? `The header ${name.toLowerCase()} is the service's own; leave it out.`
      : headerFault(name, value)
    return fault
      ? [{ pointer: `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, code: OutboundHeaderRefused.code, detail: fault }]
      : []
  })
  if (errors[0]) throw new AppError(OutboundHeaderRefused, errors[0].detail, { errors })
}
