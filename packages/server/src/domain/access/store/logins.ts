import type { Db } from '../../../core/db.ts'
import type { DomainEvent, FeedEvent } from '../../../core/events.ts'
import { appendEvents } from '../../../core/outbox.ts'
import type { Invitation } from '../model/accepting.ts'
import { hashKey } from '../model/keys.ts'
import type { Identity } from '../model/login.ts'
import '../tables.ts'

/** The write side of logging in: attempts, people, sessions. All of it is work across workspaces. */
export const loginStore = (db: Db) => ({
  async addAttempt({ state, browser, returnTo, expiresAt }: { state: string; browser: string; returnTo: string; expiresAt: string }) {
    await db
      .insertInto('loginAttempt')
      .values({ stateHash: hashKey(state), browserHash: hashKey(browser), returnTo, expiresAt })
      .execute()
  },

  /** Take an attempt away, so that it is finished once; undefined when there is none, of this browser, that still holds. */
  async takeAttempt({ state, browser, now }: { state: string; browser: string; now: string }): Promise<{ returnTo: string } | undefined> {
    const taken = await db
      .deleteFrom('loginAttempt')
      .where('stateHash', '=', hashKey(state))
      .where('browserHash', '=', hashKey(browser))
      .returning(['returnTo', 'expiresAt'])
      .executeTakeFirst()
    return taken && taken.expiresAt > now ? taken : undefined
  },

  /** The person, known by issuer and subject; name and verified address are those of the last login. @returns its id */
  async savePerson({ issuer, subject, name }: Identity, email: string | undefined, id: string, now: string): Promise<string> {
    const facts = { email: email ?? null, name: name ?? null, lastLoginAt: now }
    const { id: saved } = await db
      .insertInto('person')
      .values({ id, issuer, subject, createdAt: now, ...facts })
      .onConflict((c) => c.columns(['issuer', 'subject']).doUpdateSet(facts))
      .returning('id')
      .executeTakeFirstOrThrow()
    return saved
  },

  async addSession(session: { id: string; token: string; personId: string; now: string; expiresAt: string }) {
    const { id, token, personId, now, expiresAt } = session
    await db
      .insertInto('session')
      .values({ id, tokenHash: hashKey(token), personId, createdAt: now, lastSeenAt: now, expiresAt })
      .execute()
  },

  /** End a session. @returns which one it was, if there was one */
  endSession: (token: string): Promise<{ id: string; personId: string } | undefined> =>
    db.deleteFrom('session').where('tokenHash', '=', hashKey(token)).returning(['id', 'personId']).executeTakeFirst(),

  async noteUse(sessionId: string, now: string) {
    await db.updateTable('session').set({ lastSeenAt: now }).where('id', '=', sessionId).where('lastSeenAt', '<', now).execute()
  },

  /** Forget attempts and sessions that are over. @returns the sessions */
  async purge({ now, idleSince }: { now: string; idleSince: string }): Promise<{ id: string; personId: string }[]> {
    await db.deleteFrom('loginAttempt').where('expiresAt', '<=', now).execute()
    return await db
      .deleteFrom('session')
      .where((e) => e.or([e('expiresAt', '<=', now), e('lastSeenAt', '<=', idleSince)]))
      .returning(['id', 'personId'])
      .execute()
  },

  async workspacesOf(personId: string): Promise<string[]> {
    const rows = await db.selectFrom('member').select('workspaceId').where('personId', '=', personId).orderBy('workspaceId').execute()
    return rows.map(({ workspaceId }) => workspaceId)
  },

  /** The workspace that an invitation is to. Across workspaces: only the token says which one. */
  findInvitation: (token: string): Promise<{ workspaceId: string } | undefined> =>
    db.selectFrom('invitation').select('workspaceId').where('tokenHash', '=', hashKey(token)).executeTakeFirst(),

  /** In the invitation's workspace. */
  async lockInvitation(token: string): Promise<Invitation | undefined> {
    return await db
      .selectFrom('invitation')
      .select(['id', 'workspaceId', 'email', 'role', 'invitedBy', 'expiresAt', 'acceptedAt'])
      .where('tokenHash', '=', hashKey(token))
      .forUpdate()
      .executeTakeFirst()
  },

  async markAccepted(invitationId: string, personId: string, now: string) {
    await db.updateTable('invitation').set({ acceptedAt: now, acceptedBy: personId }).where('id', '=', invitationId).execute()
  },

  /** @returns false when the person is a member of the workspace already */
  async addMember(member: {
    workspaceId: string
    id: string
    personId: string
    role: string
    addedBy: string
    now: string
  }): Promise<boolean> {
    const { now, ...row } = member
    const { numInsertedOrUpdatedRows = 0n } = await db
      .insertInto('member')
      .values({ ...row, createdAt: now, updatedAt: now, revision: 1 })
      .onConflict((c) => c.columns(['workspaceId', 'personId']).doNothing())
      .executeTakeFirst()
    return numInsertedOrUpdatedRows > 0n
  },
})

/** Write events into the outbox of each of these workspaces, in a transaction across workspaces. @returns them, for the feed */
export async function tell(
  tx: Db,
  events: readonly DomainEvent[],
  workspaceIds: readonly string[],
  by: { actor: string; requestId: string; at: string },
): Promise<FeedEvent[]> {
  const told: FeedEvent[] = []
  for (const workspaceId of workspaceIds) told.push(...(await appendEvents(tx, events, { ...by, workspaceId, explicitWorkspace: true })))
  return told
}
