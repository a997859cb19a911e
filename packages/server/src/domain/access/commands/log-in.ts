import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { between, type FeedEvent } from '../../../core/events.ts'
import { memberCreated } from '../model/accepting.ts'
import { defaultWorkspaceId } from '../model/keys.ts'
import {
  assertMayLogIn,
  attemptMs,
  attemptSecrets,
  attemptUnknown,
  type Identity,
  type IdentityProvider,
  isSecret,
  type LoginRules,
  newSecret,
  refusal,
  returnPath,
  verifiedEmail,
} from '../model/login.ts'
import { sessionEnded, sessionStarted, toldIn } from '../model/sessions.ts'
import { loginStore, tell } from '../store/logins.ts'

export type LoginParts = Readonly<{
  provider: IdentityProvider
  rules: LoginRules
  /** Tell this instance at once what was committed; the others hear of it by the feed. */
  committed: (events: readonly FeedEvent[]) => void
}>

const later = (at: string, ms: number): string => new Date(Date.parse(at) + ms).toISOString()

/**
 * Begin to log in.
 * @param input.browser the secret of the browser's cookie, if it has one: attempts in several tabs share it
 * @returns where to send the browser, and the secret for its cookie
 * @throws RequestInvalid (400) for a foreign `returnTo`, Unavailable (503)
 */
export const beginLogin =
  ({ provider, rules }: LoginParts) =>
  async (input: { returnTo: string | null; browser: string | undefined }, ctx: Ctx): Promise<{ url: string; browser: string }> => {
    const returnTo = returnPath(input.returnTo, rules.publicUrl)
    const browser = isSecret(input.browser) ? input.browser : newSecret()
    const state = newSecret()
    const url = await provider.authorizationUrl(attemptSecrets(browser, state))
    await ctx.system((db) => loginStore(db).addAttempt({ state, browser, returnTo, expiresAt: later(ctx.now(), attemptMs) }))
    return { url, browser }
  }

type Callback = Readonly<{ query: URLSearchParams; browser: string | undefined; oldToken: string | undefined }>

/**
 * Finish a login with what the browser came back with from the identity provider: a new session, never the one it had.
 * An attempt is used up by this, whatever comes of it.
 * @throws LoginFailed (400), LoginRefused (403), Unavailable (503)
 */
export const finishLogin =
  ({ provider, rules, committed }: LoginParts) =>
  async ({ query, browser, oldToken }: Callback, ctx: Ctx): Promise<{ token: string; returnTo: string }> => {
    const state = query.get('state') ?? undefined
    if (!isSecret(state) || !isSecret(browser)) throw attemptUnknown()
    const attempt = await ctx.system((db) => loginStore(db).takeAttempt({ state, browser, now: ctx.now() }))
    if (!attempt) throw attemptUnknown()
    const redeemed = await provider.redeem(query, attemptSecrets(browser, state))
    if ('refused' in redeemed) throw refusal(redeemed.refused)
    const email = verifiedEmail(redeemed.identity, rules)
    assertMayLogIn(email, rules)
    const token = newSecret()
    committed(await ctx.system((tx) => enter(tx, { identity: redeemed.identity, email, token, oldToken }, rules, ctx)))
    return { token, returnTo: attempt.returnTo }
  }

type Entry = Readonly<{ identity: Identity; email: string | undefined; token: string; oldToken: string | undefined }>

async function enter(tx: Db, { identity, email, token, oldToken }: Entry, rules: LoginRules, ctx: Ctx): Promise<FeedEvent[]> {
  const store = loginStore(tx)
  const now = ctx.now()
  const personId = await store.savePerson(identity, email, ctx.newId(), now)
  const by = { actor: `user:${personId}`, requestId: ctx.requestId, at: now }
  const told: FeedEvent[] = []
  const replaced = oldToken === undefined ? undefined : await store.endSession(oldToken)
  if (replaced) told.push(...(await tellEnded(tx, replaced, 'replaced', by)))
  if (email !== undefined && rules.ownerEmails.includes(email)) {
    const member = { workspaceId: defaultWorkspaceId, id: ctx.newId(), personId, role: 'owner', addedBy: 'configuration' }
    const events = between(null, member, [memberCreated(member.id, { personId, role: member.role })])
    if (await store.addMember({ ...member, now })) told.push(...(await tell(tx, events, [defaultWorkspaceId], by)))
  }
  const session = { id: ctx.newId(), personId, expiresAt: later(now, rules.sessionMs) }
  await store.addSession({ ...session, token, now })
  const started = between(null, session, [sessionStarted(session.id, { sessionId: session.id, expiresAt: session.expiresAt })])
  return [...told, ...(await tell(tx, started, toldIn(await store.workspacesOf(personId)), by))]
}

/** End the session of a token, on all instances; nothing happens when there is none. */
export const logOut =
  ({ committed }: Pick<LoginParts, 'committed'>) =>
  async ({ token }: { token: string }, ctx: Ctx): Promise<void> => {
    const events = await ctx.system(async (tx) => {
      const ended = await loginStore(tx).endSession(token)
      const by = { actor: ctx.actor.id, requestId: ctx.requestId, at: ctx.now() }
      return ended ? tellEnded(tx, ended, 'logout', by) : []
    })
    committed(events)
  }

type Ended = Readonly<{ id: string; personId: string }>
type By = Readonly<{ actor: string; requestId: string; at: string }>

async function tellEnded(tx: Db, ended: Ended, reason: 'logout' | 'replaced' | 'expired', by: By): Promise<FeedEvent[]> {
  const events = between(ended, null, [sessionEnded(ended.id, { sessionId: ended.id, reason })])
  return tell(tx, events, toldIn(await loginStore(tx).workspacesOf(ended.personId)), by)
}

/** Forget attempts and sessions that are over, and tell of the sessions. */
export async function purgeLogins(rules: LoginRules, ctx: Ctx): Promise<void> {
  const now = ctx.now()
  await ctx.system(async (tx) => {
    const by = { actor: ctx.actor.id, requestId: ctx.requestId, at: now }
    for (const ended of await loginStore(tx).purge({ now, idleSince: later(now, -rules.idleMs) })) await tellEnded(tx, ended, 'expired', by)
  })
}
