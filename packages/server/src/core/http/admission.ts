import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Principal } from '../access.ts'
import { limitedAs } from '../addresses.ts'
import { AppError, isAppError } from '../errors.ts'
import type { Limits } from '../limits/exchange.ts'
import type { Load } from '../limits/load.ts'
import type { Shedding } from '../limits/shedding.ts'
import { Overloaded, RateLimited } from '../problem.ts'

type By = keyof Limits
export type AdmissionCounts = Readonly<{ limited: Record<By, number>; shed: Record<Load, number> }>

export type Admission = Readonly<{
  /** Who is calling, within their limit. @throws what `authenticate` throws, RateLimited (429) */
  authenticate(request: FastifyRequest): Promise<Principal>
  /** Refused since the start. */
  counts: AdmissionCounts
}>

/**
 * The door of the usual way: requests that there is no room for are refused (503), and callers who ask for too much (429),
 * before anything of their body has been read. Health and metrics are `vital`: always answered.
 */
export function admission(
  app: FastifyInstance,
  parts: {
    limits: Limits | undefined
    shedding: Shedding
    authenticate: (request: FastifyRequest) => Promise<Principal>
    /** Who is calling, from memory alone. */
    peek: (request: FastifyRequest) => Principal | undefined
  },
): Admission {
  const { limits, shedding, authenticate, peek } = parts
  const counts: AdmissionCounts = { limited: { key: 0, address: 0 }, shed: { export: 0, measurement: 0, write: 0, read: 0 } }

  const refuse = (by: By, request: FastifyRequest, caller: string): never => {
    counts.limited[by]++
    request.allowance = { by, caller }
    const { limit, resetSeconds } = limits![by].quota(caller, performance.now())
    throw new AppError(RateLimited, limitDetail[by](limit, resetSeconds), { headers: { 'Retry-After': String(resetSeconds) } })
  }
  const room = (load: Load): void => {
    const seconds = shedding.refuses(load)
    if (seconds === undefined) return
    counts.shed[load]++
    throw new AppError(Overloaded, `There is too much to do just now for requests of this class (${load}). Come again in ${seconds} s.`, {
      headers: { 'Retry-After': String(seconds) },
    })
  }

  app.decorateRequest('allowance')
  app.decorateRequest('answered')
  app.addHook('onRequest', async (request, reply) => {
    const { load, vital } = request.routeOptions.config ?? {}
    if (vital) return
    room(load ?? 'read')
    request.answered = shedding.begin()
    reply.raw.once('close', request.answered) // who hangs up is not answered
    if (load || !limits) return // an endpoint asks who is calling
    const network = limitedAs(request.ip)
    if (!limits.address.take(network, performance.now())) refuse('address', request, network)
  })
  app.addHook('onSend', async (request, reply) => {
    request.answered?.() // from here on it is a stream to one caller, which keeps nobody waiting
    if (!request.allowance || !limits) return
    const { by, caller } = request.allowance
    const { limit, remaining, resetSeconds } = limits[by].quota(caller, performance.now())
    reply.header('RateLimit-Policy', `"${by}";q=${limit};w=1`).header('RateLimit', `"${by}";r=${remaining};t=${resetSeconds}`)
  })

  return {
    counts,
    async authenticate(request) {
      if (!limits) return authenticate(request)
      const network = limitedAs(request.ip)
      // Before the key is looked up in the database; a key that is remembered does not suffer from its neighbours.
      if (!peek(request) && !limits.address.has(network, performance.now())) refuse('address', request, network)
      const principal = await authenticate(request).catch((error: unknown) => {
        if (isAppError(error) && error.kind.status < 500) limits.address.charge(network, performance.now())
        throw error
      })
      if (request.routeOptions.config.vital) return principal
      if (!limits.key.take(principal.id, performance.now())) refuse('key', request, principal.id)
      request.allowance = { by: 'key', caller: principal.id }
      return principal
    },
  }
}

const limitDetail: Readonly<Record<By, (limit: number, seconds: number) => string>> = {
  key: (limit, seconds) => `This key has ${limit} requests a second. Come again in ${seconds} s, and spread them.`,
  address: (limit, seconds) =>
    `Without a valid key an address has ${limit} requests a second. Come again in ${seconds} s, and check the key that you send.`,
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose allowance the answer tells of. */
    allowance: { by: By; caller: string } | undefined
    /** Says that the request is not in flight any more. */
    answered: (() => void) | undefined
  }
  interface FastifyContextConfig {
    /** The class of an endpoint; absent on pages and documents. */
    load?: Load
    /** Never refused for load or limits. */
    vital?: true
  }
}
