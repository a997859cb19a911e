import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { type Health, healthy } from '../model/health.ts'
import type { Vault } from '../model/sealing.ts'
import { WebhookNotFound } from '../model/webhook-failures.ts'
import type { WebhookState } from '../model/webhooks.ts'
import '../tables/webhooks.ts'

export const webhookColumns = [
  'id',
  'name',
  'url',
  'events',
  'filter',
  'active',
  'retrySchedule',
  'timeoutMs',
  'headers',
  'signing',
  'disabledReason',
  'disabledAt',
  'createdBy',
  'createdAt',
  'updatedAt',
  'revision',
] as const

export const healthColumns = [
  'minutes',
  'tripped',
  'blockedAt',
  'blockedUntil',
  'slowUntil',
  'failingSince',
  'failures',
  'lastSuccessAt',
] as const

const aboutHeaders = (id: string) => `webhook headers ${id}`
const aboutSecret = (id: string) => `webhook secret ${id}`

/** The headers of a row in clear; none when they cannot be opened with the present key. */
export function headersOf(vault: Vault, { id, headers }: { id: string; headers: string | null }): Record<string, string> {
  const opened = headers === null ? undefined : vault.open(headers, aboutHeaders(id))
  return opened === undefined ? {} : (JSON.parse(opened) as Record<string, string>)
}

/** @returns undefined when it cannot be opened with the present key */
export const secretOf = (vault: Vault, { id, sealed }: { id: string; sealed: string }): string | undefined =>
  vault.open(sealed, aboutSecret(id))

export function webhookMissing(id: string): never {
  throw new AppError(WebhookNotFound, `There is no webhook ${id}.`)
}

type Row = Omit<WebhookState, 'headers' | 'disabledReason'> & { headers: string | null; disabledReason: string | null }

export const stateOf = (vault: Vault, row: Row): WebhookState => ({ ...row, headers: headersOf(vault, row) }) as WebhookState

export const webhookStore = (tx: Db, vault: Vault) => {
  const stored = ({ headers, ...state }: WebhookState) => ({
    ...state,
    headers: Object.keys(headers).length === 0 ? null : vault.seal(JSON.stringify(headers), aboutHeaders(state.id)),
  })
  return {
    /** @throws WebhookNotFound */
    async lock(id: string): Promise<WebhookState> {
      const row = await tx.selectFrom('webhook').select(webhookColumns).where('id', '=', id).forNoKeyUpdate().executeTakeFirst()
      return row ? stateOf(vault, row) : webhookMissing(id)
    },

    /** @throws WebhookNotFound */
    async assertThere(id: string): Promise<void> {
      if (!(await tx.selectFrom('webhook').select('id').where('id', '=', id).executeTakeFirst())) webhookMissing(id)
    },

    /** How many there are; who makes another one waits until the transaction ends. */
    async countLocked(workspaceId: string): Promise<number> {
      await sql`select pg_advisory_xact_lock(hashtextextended(${`webhooks of ${workspaceId}`}, 0))`.execute(tx)
      const { count } = await tx
        .selectFrom('webhook')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      return count
    },

    async add(next: WebhookState): Promise<void> {
      await tx.insertInto('webhook').values(stored(next)).execute()
      await tx.insertInto('webhookHealth').values({ webhookId: next.id, minutes: '[]' }).execute()
    },

    /** @param activated it is told of events from here on */
    async save(next: WebhookState, activated = false): Promise<void> {
      await tx
        .updateTable('webhook')
        .set({ ...stored(next), ...(activated && { fromPosition: null }) })
        .where('id', '=', next.id)
        .execute()
    },

    /** Begin anew with the receiver. */
    async resetHealth(id: string): Promise<void> {
      const { minutes: _, ...health } = healthy
      await tx
        .updateTable('webhookHealth')
        .set({ ...health, minutes: '[]' })
        .where('webhookId', '=', id)
        .execute()
    },

    async health(id: string): Promise<Health> {
      return tx.selectFrom('webhookHealth').select(healthColumns).where('webhookId', '=', id).executeTakeFirstOrThrow()
    },

    /** With its secrets, deliveries, attempts and replays. Whoever plans deliveries for it is waited for, and finds it gone. */
    async remove(id: string): Promise<void> {
      await tx.selectFrom('webhook').select('id').where('id', '=', id).forUpdate().execute()
      const deliveries = tx.selectFrom('webhookDelivery').select('id').where('webhookId', '=', id)
      await tx.deleteFrom('webhookAttempt').where('deliveryId', 'in', deliveries).execute()
      for (const table of ['webhookDelivery', 'webhookSecret', 'webhookHealth', 'webhookReplay'] as const)
        await tx.deleteFrom(table).where('webhookId', '=', id).execute()
      await tx.deleteFrom('webhook').where('id', '=', id).execute()
    },

    /** Add a secret; the others end at a time, and those that have ended go. */
    async addSecret(webhookId: string, secret: { id: string; text: string; at: string }, othersEnd?: string): Promise<void> {
      if (othersEnd !== undefined) {
        const own = sql<boolean>`webhook_id = ${webhookId}::uuid`
        await tx
          .updateTable('webhookSecret')
          .set({ expiresAt: sql`least(expires_at, ${othersEnd}::timestamptz)` })
          .where(own)
          .execute()
        await tx.deleteFrom('webhookSecret').where(own).where('expiresAt', '<=', secret.at).execute()
      }
      const { id, text, at } = secret
      await tx
        .insertInto('webhookSecret')
        .values({ webhookId, id, sealed: vault.seal(text, aboutSecret(id)), createdAt: at, expiresAt: null })
        .execute()
    },

    async countSecrets(webhookId: string, now: string): Promise<number> {
      const { count } = await tx
        .selectFrom('webhookSecret')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('webhookId', '=', webhookId)
        .where((where) => where.or([where('expiresAt', 'is', null), where('expiresAt', '>', now)]))
        .executeTakeFirstOrThrow()
      return count
    },

    /** Nothing more is sent of what was to be. */
    async failPending(webhookId: string, at: string): Promise<void> {
      await tx
        .updateTable('webhookDelivery')
        .set({ state: 'failed', nextAttemptAt: null, finishedAt: at, claimToken: null, claimedUntil: null })
        .where('webhookId', '=', webhookId)
        .where('state', '=', 'pending')
        .execute()
    },
  }
}

/** What it takes to send to a webhook. */
export type Recipient = Readonly<{
  webhookId: string
  url: string
  headers: string | null
  timeoutMs: number
  secrets: readonly Readonly<{ id: string; sealed: string }>[]
}>

/** @throws WebhookNotFound */
export async function recipientOf(db: Db, id: string, now: string): Promise<Recipient> {
  const row = await db.selectFrom('webhook').select(['url', 'headers', 'timeoutMs']).where('id', '=', id).executeTakeFirst()
  if (!row) return webhookMissing(id)
  const secrets = await db
    .selectFrom('webhookSecret')
    .select(['id', 'sealed'])
    .where('webhookId', '=', id)
    .where((where) => where.or([where('expiresAt', 'is', null), where('expiresAt', '>', now)]))
    .orderBy('createdAt', 'desc')
    .execute()
  return { webhookId: id, ...row, secrets }
}
