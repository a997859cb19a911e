import { defineModule, type Module } from '../../core/module.ts'
import { accessEvents } from './model/events.ts'
import type { Neighbours } from './model/neighbours.ts'
import { decisions } from './routes/decisions.ts'
import { keys } from './routes/keys.ts'
import { labels } from './routes/labels.ts'
import { members } from './routes/members.ts'
import { roles } from './routes/roles.ts'
import { workspaces } from './routes/workspaces.ts'

/** Who may do what: workspaces, members, roles, keys, and the rules of labels. */
export const access = (neighbours: Neighbours): Module =>
  defineModule({
    name: 'access',
    endpoints: [...workspaces, ...members, ...roles, ...keys, ...labels(neighbours), ...decisions(neighbours)],
    events: accessEvents,
  })

export { type Authenticator, createAuthenticator } from './authenticator.ts'
export { createLabelGate } from './label-gate.ts'
export { createLogin } from './login.ts'
export { defaultWorkspaceId, newKey } from './model/keys.ts'
export type { LoginRules } from './model/login.ts'
export { createPresence, type Presence } from './presence.ts'
export { peopleBehind } from './queries/people-behind.ts'
export { noteUse } from './store/keys.ts'
export { addKey, ensureDefaultWorkspace } from './store.ts'
