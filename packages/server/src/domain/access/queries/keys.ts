import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import { pageSize } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import type { ApiKey } from '../model/api-keys.ts'
import { keyColumns } from '../store/keys.ts'
import '../tables.ts'

export type ListKeys = Readonly<{
  revoked?: boolean | undefined
  limit?: number | undefined
  cursor?: string | undefined
  includeTotal?: boolean | undefined
}>

/** The keys of the workspace that are not revoked (or all), newest first. */
export async function listKeys({ revoked = false, limit, cursor, includeTotal }: ListKeys, ctx: Ctx): Promise<Page<ApiKey>> {
  const size = pageSize(limit)
  const scope = `keys ${ctx.workspaceId} ${revoked}`
  const after = cursor === undefined ? undefined : ctx.cursors.decode(scope, cursor)
  return ctx.read(async (db) => {
    const all = db.selectFrom('apiKey as k').$if(!revoked, (query) => query.where('k.revokedAt', 'is', null))
    const rows = await all
      .select(keyColumns)
      .$if(after !== undefined, (query) =>
        query.where(sql<boolean>`(k.created_at, k.id) < (${after?.[0]}::timestamptz, ${after?.[1]}::uuid)`),
      )
      .orderBy('k.createdAt', 'desc')
      .orderBy('k.id', 'desc')
      .limit(size + 1)
      .execute()
    const items = rows.slice(0, size)
    const last = items.at(-1)
    const total = includeTotal ? await all.select(({ fn }) => fn.countAll<number>().as('count')).executeTakeFirstOrThrow() : undefined
    return {
      items,
      nextCursor: rows.length > size && last ? ctx.cursors.encode(scope, [last.createdAt, last.id]) : null,
      ...(total && { total: total.count }),
    }
  })
}
