import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { assertInstanceAdmin, assertMay, assertUnlimited, type Principal } from '../access.ts'
import type { Answer } from '../answer.ts'
import type { Ctx } from '../context.ts'
import { type AnyEndpoint, changesState, type Input, linesType, loadOf, statusOf } from '../endpoint.ts'
import { AppError, type ErrorKind, isAppError } from '../errors.ts'
import { tokenOf, xidOf } from '../feed/token.ts'
import { once, requestHash, type StoredAnswer } from '../idempotency.ts'
import { assertText } from '../json.ts'
import { isOver } from '../operation.ts'
import { MediaTypeUnsupported, RequestInvalid, RouteNotFound } from '../problem.ts'
import type { Runtime } from '../runtime.ts'
import { entityTags, noneMatch, traceparentOf, waitOf } from './headers.ts'
import { type OpenStreams, openStreams } from './open-streams.ts'
import { compile, type Validator } from './validation.ts'

export const prefix = '/api/v1'

export type Mounting = Readonly<{
  runtime: Runtime
  /** Who is calling. @throws Unauthenticated (401) */
  authenticate(request: FastifyRequest): Promise<Principal>
  /** Told when a known principal lacks a permission, also when that shows only within the work. */
  onRefused?(attempt: Attempt): void
  /** Tests check every reply against its schema; production does not pay for it. */
  checkReplies?: boolean
}>

/** Who tried what, and which permission was missing. */
export type Attempt = Readonly<{ workspaceId: string; actor: string; endpoint: string; permission: string; requestId: string }>

type Validators = Readonly<{ params: Validator; query: Validator; body: Validator; reply: Validator }>
const accept: Validator = () => []

/** What an endpoint that takes nothing may be sent: nothing, or an empty object. */
const nothing = { type: 'object', additionalProperties: false }

/** Put endpoints on the wire, all in the same way. */
export function mount(app: FastifyInstance, endpoints: readonly AnyEndpoint[], mounting: Mounting): void {
  app.decorateRequest('principal')
  const streams = openStreams()
  app.addHook('preClose', async () => streams.end())
  for (const e of endpoints) {
    const validators: Validators = {
      params: e.params ? compile(e.params, 'params') : accept,
      query: compile(e.query ?? nothing, 'query'),
      body: compile(e.body ?? nothing, 'body'),
      reply: e.reply && mounting.checkReplies ? compile(e.reply, 'body') : accept,
    }
    const route: RouteOptions = {
      method: e.method,
      url: prefix + e.path,
      config: { load: loadOf(e) },
      ...(e.body && { bodyLimit: e.bodyLimit ?? 1024 * 1024 }),
      onRequest: (request) => admit(e, request, mounting).catch(tellRefusal(e, request, mounting)),
      handler: (request, reply) => answer(e, validators, request, reply, { ...mounting, streams }).catch(tellRefusal(e, request, mounting)),
    }
    if (e.lines) app.register(async (scope) => void takingLines(scope).route(route))
    else app.route(route)
  }
}

/** There, and nowhere else, a body of lines is handed on as it comes. */
function takingLines(scope: FastifyInstance): FastifyInstance {
  scope.addContentTypeParser(linesType, (_request, payload, done) => done(null, payload))
  return scope
}

/** On the way of a failure out: a 403 to somebody we know is told. */
export const tellRefusal =
  ({ name }: { name: string }, request: FastifyRequest, { onRefused }: Mounting) =>
  (error: unknown): never => {
    const { principal, id: requestId } = request
    if (principal && isAppError(error) && error.kind.status === 403) {
      const permission = String(error.extras.members?.permission ?? error.kind.code)
      onRefused?.({ workspaceId: principal.workspaceId, actor: principal.id, endpoint: name, permission, requestId })
    }
    throw error
  }

/** Before the body is read: who has no business here cannot make the service read megabytes. */
async function admit(e: AnyEndpoint, request: FastifyRequest, mounting: Mounting): Promise<void> {
  request.principal = await mounting.authenticate(request)
  assertMay(request.principal, e.access)
  if (e.instanceAdmin) assertInstanceAdmin(request.principal)
  if (e.spans) assertUnlimited(request.principal, e.access, e.spans)
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw new AppError(MediaTypeUnsupported, 'Send the body as it is, without Content-Encoding.')
}

async function answer(
  e: AnyEndpoint,
  validators: Validators,
  request: FastifyRequest,
  reply: FastifyReply,
  mounting: Mounting & { streams: OpenStreams },
): Promise<unknown> {
  const input = validated(e, validators, request)
  await awaitToken(request, mounting)
  const traceparent = request.span?.traceparent ?? traceparentOf(request.headers.traceparent)
  let xid: string | undefined
  const ctx = mounting.runtime.contextFor(request.principal, {
    requestId: request.id,
    ...(traceparent && { traceparent }),
    onCommit: (committed) => {
      xid = committed
    },
  })
  if (e.raw)
    return sendRaw(
      reply,
      mounting.streams.admit((await e.handle(input, ctx, request.headers as Record<string, string | undefined>)) as Answer),
    )
  const { stored: made, replayed } = await run(e, validators, input, ctx, request)
  const stored = await awaited(e, validators, made, ctx, waitOf(request.headers.prefer))
  const token = replayed ? stored.xid : xid
  if (token) reply.header('X-Consistency-Token', tokenOf(token))
  if (replayed) reply.header('Idempotency-Replayed', 'true')
  reply.headers(stored.headers)
  if (e.method === 'GET' && stored.headers.ETag && noneMatch(request.headers['if-none-match'], stored.headers.ETag.slice(1, -1)))
    return reply.code(304).send()
  if (stored.body === '') return reply.code(stored.status).send()
  return reply.code(stored.status).type('application/json; charset=utf-8').send(stored.body)
}

/** Query and path are text and are coerced in place; a path parameter of a wrong form means that there is no such thing: 404. */
function validated(e: AnyEndpoint, validators: Validators, request: FastifyRequest): Input<never, never, never> {
  const { params, query, body } = request as { params: Record<string, string>; query: Record<string, unknown>; body: unknown }
  for (const [name, value] of Object.entries(params)) assertText(value, `:${name}`)
  for (const [name, value] of Object.entries(query)) for (const text of [name, value].flat()) assertText(String(text), `?${name}`)
  const [misformed] = validators.params(params)
  if (misformed) {
    throw new AppError(
      absenceOf(e, misformed.pointer.slice(1)),
      `Nothing can have the address ${request.url.split('?')[0]}. Check the id, name or number in it.`,
    )
  }
  const sent = body === undefined ? {} : body
  const wrong = [...validators.query(query), ...(sent instanceof Readable ? [] : validators.body(sent))]
  if (wrong.length > 0) throw new AppError(RequestInvalid, `${wrong[0]!.pointer || 'The body'}: ${wrong[0]!.detail}`, { errors: wrong })
  const ifMatch = entityTags(request.headers['if-match'])
  return { params, query, body: sent, ...(ifMatch && { ifMatch }) } as never
}

/** What an endpoint says when there is no such thing: of the thing that a path parameter names, else of the first. */
function absenceOf({ errors = [] }: AnyEndpoint, param: string): ErrorKind {
  const absences = errors.filter(({ status }) => status === 404)
  return absences.find(({ code }) => code === `${param.replace(/Id$/, '')}.not_found`) ?? absences[0] ?? RouteNotFound
}

/** A read that shows a token never answers with anything older: wait until this instance has applied that write. */
async function awaitToken(request: FastifyRequest, { runtime }: Mounting): Promise<void> {
  const token = request.headers['x-consistency-token']
  if (typeof token !== 'string') return
  if (!runtime.feed.hasApplied(xidOf(token))) await runtime.feed.confirm()
}

async function run(
  e: AnyEndpoint,
  validators: Validators,
  input: Input<never, never, never>,
  ctx: Ctx,
  request: FastifyRequest,
): Promise<{ stored: StoredAnswer; replayed: boolean }> {
  const change = async (within: Ctx): Promise<StoredAnswer> => finished(e, validators, await e.handle(input, within, {}))
  const key = request.headers['idempotency-key']
  if (e.lines && request.body instanceof Readable) {
    if (key !== undefined)
      throw new AppError(
        RequestInvalid,
        `An Idempotency-Key is not taken with ${linesType}: the body is not kept. Send JSON, or leave it out.`,
      )
    const { params, query } = input
    return {
      stored: finished(e, validators, await e.lines({ params, query, lines: request.body.iterator({ destroyOnReturn: false }) }, ctx)),
      replayed: false,
    }
  }
  if (!changesState(e) || typeof key !== 'string') return { stored: await change(ctx), replayed: false }
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) throw new AppError(RequestInvalid, 'Idempotency-Key must be 1 to 255 printable ASCII characters.')
  const { answer: stored, replayed } = await once({ key, hash: requestHash(request.method, request.url, request.body) }, ctx, change)
  return { stored, replayed }
}

function finished(e: AnyEndpoint, validators: Validators, reply: unknown): StoredAnswer {
  const headers: Record<string, string> = {}
  if (e.etag) headers.ETag = `"${e.etag(reply)}"`
  if (e.location) headers.Location = prefix + e.location(reply)
  const wrong = validators.reply(reply)
  if (wrong.length > 0) throw new Error(`${e.name} answered what its schema does not allow: ${JSON.stringify(wrong)}`)
  return { status: statusOf(e), headers, body: e.reply ? JSON.stringify(reply) : '', ...(e.secrets && { kept: without(reply, e.secrets) }) }
}

/** The JSON of a reply without its secrets. */
const without = (reply: unknown, secrets: readonly string[]): string =>
  JSON.stringify(reply, (name, value: unknown) => (secrets.includes(name) ? undefined : value))

/** Long work that its caller waits for, as it stands then. */
async function awaited(e: AnyEndpoint, validators: Validators, made: StoredAnswer, ctx: Ctx, waitMs: number): Promise<StoredAnswer> {
  if (!e.awaited || waitMs === 0) return made
  const work = await e.awaited(JSON.parse(made.body), waitMs, ctx)
  const { status, body } = finished(e, validators, work)
  const headers = { ...made.headers, 'Preference-Applied': `wait=${waitMs / 1000}` }
  return { ...made, status: isOver(work) ? 200 : status, headers, body }
}

const sendRaw = (reply: FastifyReply, { status, headers, body }: Answer) =>
  status === 304 || status === 204 ? reply.code(status).headers(headers).send() : reply.code(status).headers(headers).send(body)

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before the handler of an endpoint runs. */
    principal: Principal
  }
}
