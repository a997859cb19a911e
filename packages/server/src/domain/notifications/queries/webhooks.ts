import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { healthWord } from '../model/health.ts'
import type { Vault } from '../model/sealing.ts'
import { publicKeyOf } from '../model/signing.ts'
import { maskedHeaders, type Webhook } from '../model/webhooks.ts'
import { healthColumns, secretOf, stateOf, webhookColumns, webhookMissing } from '../store/webhooks.ts'
import '../tables/webhooks.ts'

const healthOf = [...healthColumns, 'filterError', 'filterErrorAt'] as const

/** The webhooks of some ids, in their order. */
async function views(db: Db, ids: readonly string[], vault: Vault, now: string): Promise<Webhook[]> {
  if (ids.length === 0) return []
  const rows = await db.selectFrom('webhook').select(webhookColumns).where('id', 'in', ids).execute()
  const health = await db
    .selectFrom('webhookHealth')
    .select(['webhookId', ...healthOf])
    .where('webhookId', 'in', ids)
    .execute()
  const secrets = await db
    .selectFrom('webhookSecret')
    .select(['webhookId', 'id', 'sealed', 'createdAt', 'expiresAt'])
    .where('webhookId', 'in', ids)
    .where((where) => where.or([where('expiresAt', 'is', null), where('expiresAt', '>', now)]))
    .orderBy('createdAt', 'desc')
    .orderBy('id', 'desc')
    .execute()
  return ids.flatMap((id) => {
    const row = rows.find((one) => one.id === id)
    const how = health.find(({ webhookId }) => webhookId === id)
    if (!row || !how) return []
    const { failures, failingSince, lastSuccessAt, blockedUntil, filterError, filterErrorAt } = how
    const state = stateOf(vault, row)
    return [
      {
        ...state,
        headers: maskedHeaders(state.headers),
        health: { state: healthWord(how, now), failures, failingSince, lastSuccessAt, blockedUntil, filterError, filterErrorAt },
        secrets: secrets
          .filter(({ webhookId }) => webhookId === id)
          .map((secret) => {
            const text = row.signing === 'v1a' ? secretOf(vault, secret) : undefined
            return { id: secret.id, createdAt: secret.createdAt, expiresAt: secret.expiresAt, publicKey: text ? publicKeyOf(text) : null }
          }),
      },
    ]
  })
}

/** @throws WebhookNotFound (404) */
export async function getWebhook(id: string, vault: Vault, ctx: Ctx): Promise<Webhook> {
  const [found] = await ctx.read((db) => views(db, [id], vault, ctx.now()))
  return found ?? webhookMissing(id)
}

/** All webhooks, newest first. */
export function listWebhooks(paged: Paged, vault: Vault, ctx: Ctx): Promise<Page<Webhook>> {
  const { after, take, page, size } = stepOf(`webhooks ${ctx.workspaceId}`, paged, ctx)
  return ctx.read(async (db) => {
    const keys = await db
      .selectFrom('webhook')
      .select(['id', 'createdAt'])
      .$if(after !== undefined, (query) => query.where(sql<boolean>`(created_at, id) < (${after?.[0]}::timestamptz, ${after?.[1]}::uuid)`))
      .orderBy('createdAt', 'desc')
      .orderBy('id', 'desc')
      .limit(take)
      .execute()
    const count = db.selectFrom('webhook').select(({ fn }) => fn.countAll<number>().as('count'))
    const found = await views(
      db,
      keys.slice(0, size).map(({ id }) => id),
      vault,
      ctx.now(),
    )
    const made = await page(
      keys,
      (last) => [last.createdAt, last.id],
      async () => (await count.executeTakeFirstOrThrow()).count,
    )
    return { ...made, items: found }
  })
}
