import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { Type } from 'typebox'
import type { Ctx } from './context.ts'
import type { Db, Generated, Json } from './db.ts'
import { AppError } from './errors.ts'
import { job } from './jobs.ts'
import { joined } from './joined.ts'
import { defineModule } from './module.ts'
import { IdempotencyInProgress, IdempotencyMismatch } from './problem.ts'

declare module './db.ts' {
  interface Tables {
    idempotencyKey: Owned & {
      principal: string
      key: string
      requestHash: string
      status: number
      headers: Json<Record<string, string>>
      body: string
      xid: Generated<string>
      expiresAt: string
    }
  }
}

/** A finished answer, ready to be sent again. */
export type StoredAnswer = Readonly<{
  status: number
  headers: Record<string, string>
  body: string
  /** What is stored in place of a body that holds secrets: the same without them. */
  kept?: string
  xid?: string
}>

const keptMs = 24 * 3_600_000

/** What makes two requests the same one: method, address and body. */
export const requestHash = (method: string, url: string, body: unknown): string =>
  createHash('sha256')
    .update(`${method} ${url}\n${JSON.stringify(body ?? null)}`)
    .digest('hex')

/**
 * Run a change at most once per key, within 24 h, per workspace and principal. The answer is stored in the change's
 * own transaction: either both are there or neither; a failure stores nothing and can be tried again.
 * @param change does the work in the given transaction and says what to answer (2xx)
 * @returns the answer, and whether it is a stored one
 * @throws IdempotencyMismatch (422) for another request under the same key, IdempotencyInProgress (409) while the first one runs
 */
export function once(
  { key, hash }: { key: string; hash: string },
  ctx: Ctx,
  change: (within: Ctx) => Promise<StoredAnswer>,
): Promise<{ answer: StoredAnswer; replayed: boolean }> {
  return ctx.transact(async (tx) => {
    await lockKey(tx, key, ctx)
    const earlier = await tx
      .selectFrom('idempotencyKey')
      .select(['requestHash', 'status', 'headers', 'body', 'xid'])
      .where('principal', '=', ctx.actor.id)
      .where('key', '=', key)
      .where('expiresAt', '>', ctx.now())
      .executeTakeFirst()
    if (earlier) {
      if (earlier.requestHash !== hash)
        throw new AppError(
          IdempotencyMismatch,
          'Use a new Idempotency-Key for a new request; this one was sent with another body or address.',
        )
      return { answer: earlier, replayed: true }
    }
    const answer = await change(joined(ctx, tx))
    await store(tx, key, hash, answer, ctx)
    return { answer, replayed: false }
  })
}

async function lockKey(tx: Db, key: string, ctx: Ctx): Promise<void> {
  const name = `${ctx.workspaceId}\n${ctx.actor.id}\n${key}`
  const { rows } = await sql<{ locked: boolean }>`select pg_try_advisory_xact_lock(hashtextextended(${name}, 0)) as locked`.execute(tx)
  if (!rows[0]?.locked)
    throw new AppError(IdempotencyInProgress, 'Wait for the first request to end, then send this one again.', {
      headers: { 'Retry-After': '1' },
    })
}

async function store(tx: Db, key: string, hash: string, answer: StoredAnswer, ctx: Ctx): Promise<void> {
  const values = {
    requestHash: hash,
    status: answer.status,
    headers: JSON.stringify(answer.headers),
    body: answer.kept ?? answer.body,
    expiresAt: new Date(Date.parse(ctx.now()) + keptMs).toISOString(),
  }
  await tx
    .insertInto('idempotencyKey')
    .values({ principal: ctx.actor.id, key, ...values })
    .onConflict((c) => c.columns(['workspaceId', 'principal', 'key']).doUpdateSet({ ...values, xid: sql`pg_current_xact_id()` }))
    .execute()
}

/** Forget the stored answers of this workspace that mention something: its text is gone for good, and they may hold it. */
export async function forgetAnswers(tx: Db, mentioned: string): Promise<void> {
  await tx.deleteFrom('idempotencyKey').where(sql<boolean>`position(${mentioned} in body) > 0`).execute()
}

const purgeKeys = job({
  name: 'core.purge_idempotency_keys',
  payload: Type.Object({}),
  retries: 3,
  schedule: '17 * * * *',
  run: (_payload, ctx) =>
    ctx.system(async (db) => void (await db.deleteFrom('idempotencyKey').where('expiresAt', '<', ctx.now()).execute())),
})

/** Expired keys are deleted once an hour. */
export const idempotency = defineModule({ name: 'idempotency', endpoints: [], jobs: [purgeKeys] })
