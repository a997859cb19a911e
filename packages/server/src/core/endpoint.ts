import { type Static, type TObject, type TSchema, Type } from 'typebox'
import type { Answer } from './answer.ts'
import type { Ctx } from './context.ts'
import type { ErrorKind } from './errors.ts'
import type { Load } from './limits/load.ts'
import type { Operation } from './operation.ts'

const Nothing = Type.Object({}, { additionalProperties: false })
/** What an endpoint without a reply answers. */
const NoReply = Type.Void()

export type Input<P extends TObject, Q extends TObject, B extends TSchema> = Readonly<{
  params: Static<P>
  query: Static<Q>
  body: Static<B>
  /** The tags of `If-Match`, or `['*']`; undefined without the header. */
  ifMatch?: readonly string[]
}>

type Contract<P extends TObject, Q extends TObject, B extends TSchema, R extends TSchema> = {
  /** Unique; `context.verb`. It is the OpenAPI operationId and the name of the SDK method. */
  name: string
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Under `/api/v1`, with `:name` parameters; a parameter of a wrong form is a 404. */
  path: string
  /** The permission it needs. */
  access: string
  /** Only for administrators of the installation, beside the permission. */
  instanceAdmin?: boolean
  /** It spans all categories: refused to who has the permission, or sees prompts, in some only. Says what it spans, as `assertUnlimited`. */
  spans?: string
  summary: string
  params?: P
  query?: Q
  body?: B
  /** Bytes; 1 MiB unless told, 8 MiB where content is accepted. */
  bodyLimit?: number
  status?: 200 | 201 | 202 | 204
  /** Absent: the answer has no body (204). */
  reply?: R
  /** Its media type, where it is not `application/json`. */
  replyType?: string
  errors?: readonly ErrorKind[]
  /** A POST that changes nothing: no `Idempotency-Key`. */
  readOnly?: boolean
  /** When it is refused under overload; without it an address that ends in `/export` is an export, and the rest writes or reads. */
  load?: Load
  /** Fields of the reply that are told once: an answer that is stored for its `Idempotency-Key` lacks them. */
  secrets?: readonly string[]
}

/** One endpoint: contract, documentation, access rule and handler in one value. */
export type Endpoint<P extends TObject, Q extends TObject, B extends TSchema, R extends TSchema> = Contract<P, Q, B, R> & {
  /** The strong entity tag of a reply, without quotes. */
  etag?(reply: Static<R>): string
  /** The address of what was made, under `/api/v1`. */
  location?(reply: Static<R>): string
  /**
   * Long work (202): what has become of it within `waitMs`, for callers that send `Prefer: wait=N`. Asked for after the
   * commit. Work that is over by then is answered 200.
   */
  awaited?(reply: Static<R>, waitMs: number, ctx: Ctx): Promise<Static<R> & Pick<Operation, 'status'>>
  /**
   * The same for a body of `application/x-ndjson`, whose items are read one by one as they come, however many there are;
   * what the body says beside its items stands in the query. Takes no `Idempotency-Key`: the whole body is never at hand.
   */
  lines?(input: Lines<P, Q>, ctx: Ctx): Promise<Static<R>>
  handle(input: Input<P, Q, B>, ctx: Ctx): Promise<Static<R>>
}

/** A body of one item a line. */
export const linesType = 'application/x-ndjson'
export type Lines<P extends TObject = TObject, Q extends TObject = TObject> = Pick<Input<P, Q, TSchema>, 'params' | 'query'> &
  Readonly<{ lines: AsyncIterable<Uint8Array> }>

/** The second kind: what must be fast or raw. The handler gives bytes. */
export type Serve<P extends TObject, Q extends TObject, B extends TSchema, R extends TSchema> = Contract<P, Q, B, R> & {
  raw: true
  handle(input: Input<P, Q, B>, ctx: Ctx, headers: Readonly<Record<string, string | undefined>>): Promise<Answer>
}

type AnyContract = Contract<TObject, TObject, TSchema, TSchema>
export type AnyEndpoint = AnyContract & {
  raw?: true
  etag?(reply: unknown): string
  location?(reply: unknown): string
  awaited?(reply: unknown, waitMs: number, ctx: Ctx): Promise<Pick<Operation, 'status'>>
  lines?(input: Lines, ctx: Ctx): Promise<unknown>
  handle(input: Input<TObject, TObject, TSchema>, ctx: Ctx, headers: Readonly<Record<string, string | undefined>>): Promise<unknown>
}

export const endpoint = <
  R extends TSchema = typeof NoReply,
  P extends TObject = typeof Nothing,
  Q extends TObject = typeof Nothing,
  B extends TSchema = typeof Nothing,
>(
  spec: Endpoint<P, Q, B, R>,
): AnyEndpoint => spec as unknown as AnyEndpoint

export const serve = <
  R extends TSchema = typeof NoReply,
  P extends TObject = typeof Nothing,
  Q extends TObject = typeof Nothing,
  B extends TSchema = typeof Nothing,
>(
  spec: Omit<Serve<P, Q, B, R>, 'raw'>,
): AnyEndpoint => ({ ...spec, raw: true }) as unknown as AnyEndpoint

/** True when the endpoint honours `Idempotency-Key`. */
export const changesState = (e: AnyEndpoint): boolean => e.method !== 'GET' && !e.readOnly
/** How an endpoint counts when there is too much to do. */
export const loadOf = (e: AnyEndpoint): Load => e.load ?? (e.path.endsWith('/export') ? 'export' : changesState(e) ? 'write' : 'read')
export const statusOf = (e: AnyEndpoint): number => e.status ?? (e.reply ? 200 : 204)
