import type { Answer } from './answer.ts'
import type { Ctx } from './context.ts'
import type { Load } from './limits/load.ts'
import type { ProblemBody } from './problem.ts'

export type WireHeaders = Readonly<Record<string, string | undefined>>
export type WireRequest = Readonly<{
  headers: WireHeaders
  params: Readonly<Record<string, string>>
  query: URLSearchParams
  /** As it was before it was compressed; empty without one. */
  body: Buffer
}>

export type Told = Readonly<{ status?: number; type: string; body: string | Uint8Array }>

/**
 * An address at the root where a protocol of others is spoken, whose bodies need not be JSON: with our keys, permissions,
 * limits and ids of requests, but with its own rules for bodies, unknown fields and failures. It has no place in the API's
 * document.
 */
export type WireRoute = Readonly<{
  /** Unique; `context.verb`. */
  name: string
  method: 'GET' | 'POST'
  /** From the root on, with `:name` parameters. */
  path: string
  /** The permission it needs. */
  access: string
  load: Load
  /** Bytes of a body, after decompression too. */
  bodyLimit: number
  handle(request: WireRequest, ctx: Ctx): Promise<Answer>
  /** A failure as this protocol tells it; undefined: as everywhere. A failure without a status of its own keeps the problem's. */
  failed(problem: ProblemBody, asked: Pick<WireRequest, 'headers' | 'params'>): Told | undefined
}>
