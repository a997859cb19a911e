import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { type Explanation, explain, type Question, type Subject } from '../model/explaining.ts'
import { PrincipalNotFound, SubjectNotFound } from '../model/failures.ts'
import type { Neighbours } from '../model/neighbours.ts'
import { assertKnownPermission } from '../model/rights.ts'
import { ruleColumns } from '../store/label-rules.ts'
import { findActor, findSubject } from './subjects.ts'
import '../tables.ts'

/**
 * May this principal do that to this, and what says so?
 * @throws PermissionUnknown (422), PrincipalNotFound, SubjectNotFound (404)
 */
export async function explainAccess(question: Question, { categoryOf }: Neighbours, ctx: Ctx): Promise<Explanation> {
  const { principal, permission, label, promptId } = question
  assertKnownPermission(permission)
  const category = promptId === undefined ? question.category : await categoryOf(promptId, ctx)
  if (promptId !== undefined && category === undefined) throw new AppError(SubjectNotFound, `There is no prompt ${promptId}.`)
  return ctx.read(async (db) => {
    const subject = principal === undefined ? await self(db, ctx) : await named(db, principal, ctx)
    const rule = label ? await db.selectFrom('labelRule').select(ruleColumns).where('label', '=', label).executeTakeFirst() : undefined
    return explain(subject, { permission, category, label }, rule)
  })
}

/** The caller: a key, a member, or who needs neither. */
const self = async (db: Db, ctx: Ctx): Promise<Subject> =>
  (await findActor(db, ctx.actor.id, ctx)) ?? {
    principal: ctx.actor,
    kind: 'installation',
    role: 'owner',
    grant: { permissions: [...ctx.actor.permissions] },
  }

async function named(db: Db, given: string, ctx: Ctx): Promise<Subject> {
  const found = await findSubject(db, given, ctx)
  if (!found) throw new AppError(PrincipalNotFound, `There is no key and no member ${given} in this workspace.`)
  return found
}
