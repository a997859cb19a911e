import { sql } from 'kysely'
import type { Ctx } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import { type Paged, stepOf } from '../../core/page.ts'
import type { Page } from '../../core/schemas.ts'
import type { DeadJob } from './model.ts'
import './tables.ts'

/** The dead letters of the workspace, the last first. */
export async function listDead({ name, ...paged }: { name?: string | undefined } & Paged, ctx: Ctx): Promise<Page<DeadJob>> {
  const { after, take, page } = stepOf(`dead jobs ${ctx.workspaceId} ${name ?? ''}`, paged, ctx)
  const wanted = name === undefined ? sql<boolean>`true` : sql<boolean>`name = ${name}`
  const before = after ? sql<boolean>`(failed_at, id) < (${String(after[0])}::timestamptz, ${String(after[1])}::uuid)` : sql<boolean>`true`
  return ctx.read(async (db) => {
    const rows = await db
      .selectFrom('deadJob')
      .select(['id', 'name', 'tries', 'error', 'enqueuedAt', 'failedAt'])
      .where(wanted)
      .where(before)
      .orderBy('failedAt', 'desc')
      .orderBy('id', 'desc')
      .limit(take)
      .execute()
    return page(
      rows,
      (last) => [last.failedAt, last.id],
      async () =>
        Number(
          (
            await db
              .selectFrom('deadJob')
              .select((e) => e.fn.countAll().as('n'))
              .where(wanted)
              .executeTakeFirstOrThrow()
          ).n,
        ),
    )
  })
}

/** How many dead letters each queue has, in all workspaces. */
export const countDead = (db: Db): Promise<{ name: string; count: number }[]> =>
  db
    .selectFrom('deadJob')
    .select(['name', sql<number>`count(*)::int`.as('count')])
    .groupBy('name')
    .execute()
