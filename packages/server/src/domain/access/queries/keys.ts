import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import type { ApiKey } from '../model/api-keys.ts'
import { keyColumns } from '../store/keys.ts'
import '../tables.ts'

export type ListKeys = Paged & Readonly<{ revoked?: boolean | undefined }>

/** The keys of the workspace that are not revoked (or all), newest first. */
export async function listKeys({ revoked = false, ...paged }: ListKeys, ctx: Ctx): Promise<Page<ApiKey>> {
  const { after, take, page } = stepOf(`keys ${ctx.workspaceId} ${revoked}`, paged, ctx)
  return ctx.read(async (db) => {
    const all = db.selectFrom('apiKey as k').$if(!revoked, (query) => query.where('k.revokedAt', 'is', null))
    const rows = await all
      .select(keyColumns)
      .$if(after !== undefined, (query) =>
        query.where(sql<boolean>`(k.created_at, k.id) < (${after?.[0]}::timestamptz, ${after?.[1]}::uuid)`),
      )
      .orderBy('k.createdAt', 'desc')
      .orderBy('k.id', 'desc')
      .limit(take)
      .execute()
    const count = all.select(({ fn }) => fn.countAll<number>().as('count'))
    return page(
      rows,
      (last) => [last.createdAt, last.id],
      async () => (await count.executeTakeFirstOrThrow()).count,
    )
  })
}
