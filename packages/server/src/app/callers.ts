import type { Feed } from '../core/feed/feed.ts'
import type { AcrossWorkspaces, Runtime } from '../core/runtime.ts'
import { type Authenticator, createLogin, noteUse } from '../domain/access/index.ts'
import { createIdentityProvider } from '../infrastructure/oidc/identity-provider.ts'
import type { AppOptions } from './options.ts'

/** How people log in, where the options say so. */
export function openLogin(
  { login, log }: AppOptions,
  parts: { system: AcrossWorkspaces; feed: Feed; clock: () => string; contextFor: Runtime['contextFor'] },
) {
  if (!login) return createLogin(undefined)
  const settings = { ...login, redirectUri: `${login.publicUrl}/auth/callback` }
  const provider = createIdentityProvider(settings, (message, details) => log.warn(details, message))
  return createLogin({ rules: login, provider, ...parts })
}

/** How often the use of keys is noted, in milliseconds: the time of the last use is known to the minute. */
const keyUseMs = 60_000

/** Keys that were used are noted in the background, all at once; what cannot be noted now is noted with the next use. */
export function noteKeyUse(parts: { system: AcrossWorkspaces; authenticator: Authenticator; feed: Feed; clock: () => string }) {
  const { system, authenticator, feed, clock } = parts
  let timer: NodeJS.Timeout | undefined
  const note = async () => {
    const ids = feed.isAway() ? [] : authenticator.takeUsed()
    if (ids.length > 0) await system((db) => noteUse(db, ids, clock()), 'write').catch(() => undefined)
  }
  return {
    start() {
      timer = setInterval(note, keyUseMs).unref()
    },
    async stop() {
      clearInterval(timer)
      await note()
    },
  }
}
