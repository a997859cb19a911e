import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { MemberNotFound } from '../model/failures.ts'
import type { Invitation, Member } from '../model/members.ts'
import { invitationColumns } from '../store/members.ts'
import '../tables.ts'

/** People are of no workspace, so this reads across them, and names the workspace. */
const members = (db: Db, workspaceId: string) =>
  db
    .selectFrom('member as m')
    .innerJoin('person as p', 'p.id', 'm.personId')
    .select(['m.id', 'm.personId', 'p.email', 'p.name', 'm.role', 'm.addedBy', 'm.createdAt', 'm.updatedAt', 'm.revision'])
    .where('m.workspaceId', '=', workspaceId)

/** The members of the workspace, the first ones first. */
export async function listMembers(paged: Paged, ctx: Ctx): Promise<Page<Member>> {
  const { after, take, page } = stepOf(`members ${ctx.workspaceId}`, paged, ctx)
  return ctx.system(async (db) => {
    const rows = await members(db, ctx.workspaceId)
      .$if(after !== undefined, (query) => query.where(sql<boolean>`m.id > ${after?.[0]}::uuid`))
      .orderBy('m.id')
      .limit(take)
      .execute()
    const count = db
      .selectFrom('member')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('workspaceId', '=', ctx.workspaceId)
    return page(
      rows,
      (last) => [last.id],
      async () => (await count.executeTakeFirstOrThrow()).count,
    )
  }, 'read')
}

/** @throws MemberNotFound (404) */
export async function getMember({ id }: { id: string }, ctx: Ctx): Promise<Member> {
  const row = await ctx.system((db) => members(db, ctx.workspaceId).where('m.id', '=', id).executeTakeFirst(), 'read')
  if (!row) throw new AppError(MemberNotFound, `There is no member ${id}.`)
  return row
}

/** A member with what its person is called. */
export async function withPerson<M extends { personId: string }>(member: M, ctx: Ctx): Promise<M & Pick<Member, 'email' | 'name'>> {
  const person = (db: Db) => db.selectFrom('person').select(['email', 'name']).where('id', '=', member.personId).executeTakeFirstOrThrow()
  return { ...member, ...(await ctx.system(person, 'read')) }
}

/** The invitations of the workspace, the newest first; those that were taken up too. */
export async function listInvitations(paged: Paged, ctx: Ctx): Promise<Page<Invitation>> {
  const { after, take, page } = stepOf(`invitations ${ctx.workspaceId}`, paged, ctx)
  return ctx.read(async (db) => {
    const rows = await db
      .selectFrom('invitation')
      .select(invitationColumns)
      .$if(after !== undefined, (query) => query.where(sql<boolean>`id < ${after?.[0]}::uuid`))
      .orderBy('id', 'desc')
      .limit(take)
      .execute()
    const count = db.selectFrom('invitation').select(({ fn }) => fn.countAll<number>().as('count'))
    return page(
      rows,
      (last) => [last.id],
      async () => (await count.executeTakeFirstOrThrow()).count,
    )
  })
}
