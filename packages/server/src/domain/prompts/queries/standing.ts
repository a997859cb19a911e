import { sql } from 'kysely'
import type { Principal } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { PromptNotFound } from '../model/failures.ts'
import { assertVisible } from '../model/gates.ts'
import type { Standee } from '../model/standing.ts'
import '../tables.ts'

/** What neighbours ask about a prompt. @throws PromptNotFound for one that is not there, deleted, or not for the reader of `db` to see */
export async function findStanding(db: Db, id: string): Promise<Standee> {
  const [found] = await findStandings(db, [id])
  if (!found) throw new AppError(PromptNotFound, `There is no prompt ${id}.`)
  return found
}

/** The same in a command, where `db` shows all prompts: those that the actor may not see are not there. @throws PromptNotFound */
export async function findVisible(db: Db, id: string, actor: Principal): Promise<Standee> {
  const found = await findStanding(db, id)
  assertVisible(actor, found)
  return found
}

/** The live prompts among some ids that the reader of `db` may see, in no order. */
export const findStandings = (db: Db, ids: readonly string[]): Promise<Standee[]> =>
  db
    .selectFrom('prompt')
    .select(['id', 'category', 'name', 'revision', 'status', 'deprecatedAt', 'sunsetAt', 'successorId'])
    .where('id', '=', sql<string>`any(${[...ids]}::uuid[])`)
    .where('deletedAt', 'is', null)
    .execute()

/** How many live prompts that the caller may see have each status that any has. */
export const countByStatus = ({ category }: { category?: string | undefined }, ctx: Ctx): Promise<{ status: string; count: number }[]> =>
  ctx.read(async (db) => {
    const { rows } = await sql<{ status: string; count: number }>`
      select status, count(*)::int as count from prompt p
      where p.deleted_at is null and (${category ?? null}::text is null or p.category = ${category ?? null}) group by 1`.execute(db)
    return rows
  })
