import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import { isId } from '../../../core/ids.ts'
import '../tables.ts'

/** The category of a live prompt that the caller may see; undefined: there is none. */
export async function categoryOf(promptId: string, ctx: Ctx): Promise<string | undefined> {
  if (!isId(promptId)) return undefined
  const live = await ctx.read((db) =>
    db.selectFrom('prompt').select('category').where('id', '=', promptId).where('deletedAt', 'is', null).executeTakeFirst(),
  )
  return live?.category
}

/** Labels that stand on some version, in order: one step of the index each, however many prompts carry them. */
export async function labelsInUse(after: string, limit: number, ctx: Ctx): Promise<string[]> {
  const { rows } = await ctx.read((db) =>
    sql<{ label: string }>`
      with recursive step as (
        (select label from prompt_label where label > ${after} order by label limit 1)
        union all
        select (select l.label from prompt_label l where l.label > step.label order by l.label limit 1) from step where step.label is not null
      ) select label from step where label is not null limit ${limit}`.execute(db),
  )
  return rows.map(({ label }) => label)
}
