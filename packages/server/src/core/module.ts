import type { Ctx } from './context.ts'
import type { Db } from './db.ts'
import type { AnyEndpoint } from './endpoint.ts'
import type { DomainEvent, ListedEvent } from './events.ts'
import type { RootRoute } from './http/root.ts'
import type { Job } from './jobs.ts'
import type { WireRoute } from './wire.ts'

/** Runs in the emitting transaction, for its own context's tables only; slow work is a job. */
export type EventHandler = (event: DomainEvent, tx: Db, ctx: Ctx) => Promise<void>

/** One context, as `app.ts` sees it. */
export type Module = Readonly<{
  name: string
  endpoints: readonly AnyEndpoint[]
  /** What it has at the root, beside the API. */
  root?: readonly RootRoute[]
  /** What it answers in protocols of others, at the root. */
  wire?: readonly WireRoute[]
  jobs?: readonly Job[]
  /** Every type of event it tells: what webhooks and the event log may carry, with a JSON Schema each. */
  events?: readonly ListedEvent[]
  on?: Readonly<Record<string, EventHandler>>
}>
export const defineModule = (module: Module): Module => module

/** Every type of event that any of these tells, by name. */
export const eventTypesOf = (modules: readonly Module[]): readonly ListedEvent[] =>
  modules.flatMap(({ events }) => events ?? []).sort((a, b) => (a.type < b.type ? -1 : 1))
