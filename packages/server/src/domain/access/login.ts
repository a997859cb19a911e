import { Type } from 'typebox'
import type { Principal } from '../../core/access.ts'
import type { Ctx } from '../../core/context.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { job } from '../../core/jobs.ts'
import { defineModule, type Module } from '../../core/module.ts'
import type { AcrossWorkspaces, Origin } from '../../core/runtime.ts'
import { purgeLogins } from './commands/log-in.ts'
import type { IdentityProvider, LoginRules } from './model/login.ts'
import { closedRoutes, loginRoutes } from './routes/login.ts'
import { createSessionGate, type SessionGate } from './session-gate.ts'
import { createSessionMemory } from './session-memory.ts'

export type LoginSetup = Readonly<{
  rules: LoginRules
  provider: IdentityProvider
  system: AcrossWorkspaces
  feed: Feed
  clock: () => string
  contextFor: (principal: Principal, origin: Origin) => Ctx
}>

/** People log in: `/auth/…`, and the gate that knows them by their session afterwards. Without a setup the addresses say that it is off. */
export function createLogin(setup: LoginSetup | undefined): { module: Module; gate: SessionGate | undefined } {
  if (!setup) return { module: defineModule({ name: 'login', endpoints: [], root: closedRoutes }), gate: undefined }
  const { rules, provider, system, feed, clock, contextFor } = setup
  const gate = createSessionGate(createSessionMemory({ system, feed, now: clock, idleMs: rules.idleMs }), rules.publicUrl)
  const root = loginRoutes({ provider, rules, committed: (events) => feed.committed(events), gate, contextFor })
  const purge = job({
    name: 'access.purge_logins',
    payload: Type.Object({}),
    retries: 3,
    schedule: '37 * * * *',
    run: (_payload, ctx) => purgeLogins(rules, ctx),
  })
  return { module: defineModule({ name: 'login', endpoints: [], root, jobs: [purge] }), gate }
}
