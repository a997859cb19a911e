import type { components, paths } from './api.gen.ts'

/** The shapes of the service, as its contract has them. */
export type Schemas = components['schemas']
export type Prompt = Schemas['Prompt']
export type PromptItem = Schemas['PromptItem']
export type ServedPrompt = Schemas['ServedPrompt']
export type Version = Schemas['Version']
export type Content = Schemas['Content']
export type CreatePrompt = Schemas['CreatePrompt']

type Verbs = { GET: 'get'; POST: 'post'; PUT: 'put'; DELETE: 'delete' }
export type Method = keyof Verbs

/** The paths that take a method, without their `/api/v1`. */
export type Route<M extends Method> = {
  [K in keyof paths]: [NonNullable<paths[K][Verbs[M]]>] extends [never] ? never : K extends `/api/v1${infer Rest}` ? Rest : never
}[keyof paths]

type Operation<M extends Method, P extends Route<M>> = NonNullable<paths[`/api/v1${P}` & keyof paths][Verbs[M]]>
type Parameters<O> = O extends { parameters: infer All } ? All : never
type PathPart<O> = Parameters<O> extends { path: infer Values extends object } ? { path: Values } : { path?: never }
type QueryPart<O> =
  Parameters<O> extends { query?: infer Values }
    ? [NonNullable<Values>] extends [never]
      ? { query?: never }
      : { query?: Values & object }
    : { query?: never }
type BodyPart<O> = O extends { requestBody: { content: { 'application/json': infer Body } } }
  ? { body: Body }
  : O extends { requestBody?: infer May }
    ? NonNullable<May> extends { content: { 'application/json': infer Body } }
      ? [NonNullable<May>] extends [never]
        ? { body?: never }
        : { body?: Body }
      : { body?: never }
    : { body?: never }

/** How a request is to be made, whatever it asks for. */
export type Conduct = Readonly<{
  /** Milliseconds that one attempt may take; the client's `timeoutMs` without it. */
  timeoutMs?: number
  /** Further attempts after a failure that may pass; the client's `retries` without it. */
  retries?: number
  signal?: AbortSignal
  headers?: Readonly<Record<string, string>>
  /** Of a write: sent in place of the key that the client makes; `false` sends none, and then the write is tried once only. */
  idempotencyKey?: string | false
  /** The revision that the resource must still have (412 otherwise). */
  ifMatch?: string
}>

/** What a request to `method path` takes. */
export type RequestOptions<M extends Method, P extends Route<M>> = PathPart<Operation<M, P>> &
  QueryPart<Operation<M, P>> &
  BodyPart<Operation<M, P>> &
  Conduct

type Json<R> = R extends { content: { 'application/json': infer Body } } ? Body : R extends { content?: never } ? undefined : never
type Replies<O> = O extends { responses: infer All } ? All : never
/** What a request to `method path` answers; undefined when the answer has no body. */
export type Reply<M extends Method, P extends Route<M>> = {
  [S in keyof Replies<Operation<M, P>> & (200 | 201 | 202 | 204)]: Json<Replies<Operation<M, P>>[S]>
}[keyof Replies<Operation<M, P>> & (200 | 201 | 202 | 204)]

/** The lists: paths whose answer is a page. */
export type PagedRoute = {
  [P in Route<'GET'>]: Reply<'GET', P> extends { items: unknown[]; nextCursor: string | null } ? P : never
}[Route<'GET'>]
export type ItemOf<P extends PagedRoute> = Reply<'GET', P> extends { items: (infer Item)[] } ? Item : never

/** Options may be left out when nothing in them is needed. */
export type Optional<O> = Record<never, never> extends O ? [options?: O] : [options: O]
