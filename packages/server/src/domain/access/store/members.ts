import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { InvitationNotFound, MemberNotFound } from '../model/failures.ts'
import { hashKey } from '../model/keys.ts'
import type { Invitation } from '../model/members.ts'
import '../tables.ts'

export const invitationColumns = ['id', 'email', 'role', 'invitedBy', 'createdAt', 'expiresAt', 'acceptedAt'] as const
const columns = ['id', 'personId', 'role', 'addedBy', 'createdAt', 'updatedAt', 'revision'] as const

/** A member without what its person is called, which is not of one workspace. */
export type MemberState = Readonly<{
  id: string
  personId: string
  role: string
  addedBy: string
  createdAt: string
  updatedAt: string
  revision: number
}>

export const memberStore = (tx: Db) => ({
  /** @throws MemberNotFound */
  async lock(id: string): Promise<MemberState> {
    const row = await tx.selectFrom('member').select(columns).where('id', '=', id).forNoKeyUpdate().executeTakeFirst()
    if (!row) throw new AppError(MemberNotFound, `There is no member ${id}.`)
    return row
  },

  async owners(): Promise<string[]> {
    return (await tx.selectFrom('member').select('id').where('role', '=', 'owner').execute()).map(({ id }) => id)
  },

  async save({ id, role, updatedAt, revision }: MemberState): Promise<void> {
    await tx.updateTable('member').set({ role, updatedAt, revision }).where('id', '=', id).execute()
  },

  async remove(id: string): Promise<void> {
    await tx.deleteFrom('member').where('id', '=', id).execute()
  },

  async invite(invitation: Invitation, token: string): Promise<void> {
    await tx
      .insertInto('invitation')
      .values({ ...invitation, tokenHash: hashKey(token), acceptedBy: null })
      .execute()
  },

  /** Take an invitation that nobody has taken up away. @throws InvitationNotFound */
  async withdraw(id: string): Promise<Invitation> {
    const row = await tx
      .deleteFrom('invitation')
      .where('id', '=', id)
      .where('acceptedAt', 'is', null)
      .returning(invitationColumns)
      .executeTakeFirst()
    if (!row) throw new AppError(InvitationNotFound, `There is no open invitation ${id}.`)
    return row
  },
})
