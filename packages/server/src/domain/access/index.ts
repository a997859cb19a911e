import { defineModule } from '../../core/module.ts'

/** Who may do what. Keys and open mode so far. */
export const access = defineModule({ name: 'access', endpoints: [] })

export { type Authenticator, createAuthenticator } from './authenticator.ts'
export { createLogin } from './login.ts'
export { defaultWorkspaceId, newKey } from './model/keys.ts'
export type { LoginRules } from './model/login.ts'
export { addKey, ensureDefaultWorkspace } from './store.ts'
