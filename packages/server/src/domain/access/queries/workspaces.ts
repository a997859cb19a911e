import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { WorkspaceNotFound } from '../model/failures.ts'
import type { Workspace } from '../model/workspaces.ts'
import { workspaceColumns } from '../store/workspaces.ts'
import '../tables.ts'

/** One's own workspace; for an administrator of the installation all of them. */
const visible = <T>(ctx: Ctx, work: (db: Db) => Promise<T>): Promise<T> =>
  ctx.actor.instanceAdmin ? ctx.system(work, 'read') : ctx.read(work)

/** The workspaces that the caller may know of, the oldest first. */
export async function listWorkspaces(paged: Paged, ctx: Ctx): Promise<Page<Workspace>> {
  const { after, take, page } = stepOf(`workspaces ${ctx.workspaceId}`, paged, ctx)
  return visible(ctx, async (db) => {
    const rows = await db
      .selectFrom('workspace')
      .select(workspaceColumns)
      .$if(after !== undefined, (query) => query.where(sql<boolean>`(created_at, id) > (${after?.[0]}::timestamptz, ${after?.[1]}::uuid)`))
      .orderBy('createdAt')
      .orderBy('id')
      .limit(take)
      .execute()
    const count = db.selectFrom('workspace').select(({ fn }) => fn.countAll<number>().as('count'))
    return page(
      rows,
      (last) => [last.createdAt, last.id],
      async () => (await count.executeTakeFirstOrThrow()).count,
    )
  })
}

/** @throws WorkspaceNotFound (404), also for another one's, unless the caller administers the installation */
export async function getWorkspace({ id }: { id: string }, ctx: Ctx): Promise<Workspace> {
  const row = await visible(ctx, (db) => db.selectFrom('workspace').select(workspaceColumns).where('id', '=', id).executeTakeFirst())
  if (!row) throw new AppError(WorkspaceNotFound, `There is no workspace ${id}.`)
  return row
}
