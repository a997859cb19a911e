import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { isId } from '../../../core/ids.ts'
import { worksUntil } from '../model/api-keys.ts'
import { type Explanation, explain, type Question, type Subject } from '../model/explaining.ts'
import { PrincipalNotFound, SubjectNotFound } from '../model/failures.ts'
import type { Neighbours } from '../model/neighbours.ts'
import { assertKnownPermission, grantOf } from '../model/rights.ts'
import { compileRights } from '../model/roles.ts'
import { customGrant } from '../queries.ts'
import { ruleColumns } from '../store/label-rules.ts'
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
    const subject = principal === undefined ? await self(db, ctx) : await find(db, principal, ctx)
    const rule = label ? await db.selectFrom('labelRule').select(ruleColumns).where('label', '=', label).executeTakeFirst() : undefined
    return explain(subject, { permission, category, label }, rule)
  })
}

/** The caller: a key, a member, or who needs neither. */
async function self(db: Db, ctx: Ctx): Promise<Subject> {
  const { actor } = ctx
  const [kind = '', id = ''] = actor.id.split(':')
  const found = kind === 'key' ? await findKey(db, id, ctx) : kind === 'user' ? await findMember(db, 'personId', id, ctx) : undefined
  return found ?? { principal: actor, kind: 'installation', role: 'owner', grant: { permissions: [...actor.permissions] } }
}

async function find(db: Db, given: string, ctx: Ctx): Promise<Subject> {
  const id = given.replace(/^(key|user):/, '')
  const column = given.startsWith('user:') ? 'personId' : 'id'
  const found = isId(id) ? ((await findKey(db, id, ctx)) ?? (await findMember(db, column, id, ctx))) : undefined
  if (!found) throw new AppError(PrincipalNotFound, `There is no key and no member ${given} in this workspace.`)
  return found
}

async function findKey(db: Db, id: string, ctx: Ctx): Promise<Subject | undefined> {
  const row = await db
    .selectFrom('apiKey as k')
    .leftJoin('role as r', 'r.name', 'k.role')
    .select(['k.permissions as scopes', 'k.role', 'k.instanceAdmin', 'k.revokedAt', 'k.expiresAt', 'k.retiresAt'])
    .select(['r.permissions', 'r.categories', 'r.labels'])
    .where('k.id', '=', id)
    .executeTakeFirst()
  if (!row) return undefined
  const { scopes, role, instanceAdmin, revokedAt } = row
  const until = worksUntil(row)
  const ended = revokedAt ? 'The key is revoked.' : until !== null && until <= ctx.now() ? `The key ended at ${until}.` : undefined
  const grant = grantOf({ role, scopes, custom: customGrant(row) })
  return { ...subjectOf(ctx, `key:${id}`, role, grant, instanceAdmin), kind: role === null ? 'scopes' : 'role', ended }
}

async function findMember(db: Db, column: 'id' | 'personId', id: string, ctx: Ctx): Promise<Subject | undefined> {
  const row = await db
    .selectFrom('member as m')
    .leftJoin('role as r', 'r.name', 'm.role')
    .select(['m.personId', 'm.role', 'r.permissions', 'r.categories', 'r.labels'])
    .where(`m.${column}`, '=', id)
    .executeTakeFirst()
  if (!row) return undefined
  const grant = grantOf({ role: row.role, scopes: [], custom: customGrant(row) })
  return { ...subjectOf(ctx, `user:${row.personId}`, row.role, grant, false), kind: 'role' }
}

const subjectOf = ({ workspaceId }: Ctx, id: string, role: string | null, grant: Subject['grant'], instanceAdmin: boolean) => ({
  principal: { id, workspaceId, ...compileRights([grant]), ...(role !== null && { roles: [role] }), instanceAdmin },
  role,
  grant,
})
