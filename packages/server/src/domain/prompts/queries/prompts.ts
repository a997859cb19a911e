import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { RequestInvalid } from '../../../core/problem.ts'
import { LabelNotFound, PromptNotFound, VersionNotFound } from '../model/failures.ts'
import { isHidden } from '../model/gates.ts'
import type { Body, Label, Prompt, PromptItem, Redacted, VersionNumber } from '../model/shapes.ts'
import '../tables.ts'

export type Row = Omit<PromptItem, 'content' | 'variables' | 'config' | 'deletedAt' | 'redacted'> &
  Pick<Body, 'content' | 'variables' | 'config'> & { deletedAt: string | null; redacted: Redacted | null }

/** The prompt with the body of the version `v`; labels and parent as JSON. */
export const promptColumns = sql`
  p.id, p.category, p.name, p.description, p.tags, p.metadata, p.is_template, p.status, p.revision,
  p.created_by, p.created_at, p.updated_at, p.deleted_at,
  case when p.parent_prompt_id is null then null else json_build_object('promptId', p.parent_prompt_id, 'version', p.parent_version) end as parent,
  (select coalesce(json_object_agg(l.label, l.version order by l.label), '{}') from prompt_label l where l.prompt_id = p.id) as labels,
  case jsonb_typeof(v.content) when 'string' then 'text' else 'chat' end as type, v.version, v.engine, v.checksum, v.redaction as redacted`
export const bodyColumns = sql`v.content, v.variables, v.config`

export const toItem = <T extends { deletedAt: string | null; redacted: Redacted | null }>({ deletedAt, redacted, ...row }: T) => ({
  ...row,
  ...(redacted && { redacted }),
  ...(deletedAt !== null && { deletedAt }),
})

export type WhichVersion = Readonly<{ version?: VersionNumber | undefined; label?: Label | undefined }>

/** @throws RequestInvalid (400) when both were asked for */
export function assertOne({ version, label }: WhichVersion): void {
  if (version !== undefined && label !== undefined)
    throw new AppError(RequestInvalid, 'Ask for a version or for a label, not for both.', {
      errors: [{ pointer: '?label', code: 'query.conflict', detail: 'It cannot stand beside version.' }],
    })
}

/** One prompt with the newest, the numbered or the labelled version: never another one. */
export async function getPrompt({ id, ...which }: { id: string } & WhichVersion, ctx: Ctx): Promise<Prompt> {
  assertOne(which)
  const { label } = which
  const read = label === undefined ? ctx.read : ctx.readAll // who may read by certain labels only may read those
  const row = await read(async (db) => (await selectOne(db, id, which)) ?? explainAbsence(db, id, which, ctx))
  if (label !== undefined && isHidden(ctx.actor, row.category, label)) throw absent(id)
  return toItem(row) as Prompt
}

/** Each way of its own, so that each finds its one version by the key: one condition for all would read every version. */
async function selectOne(db: Db, id: string, { version, label }: WhichVersion): Promise<Row | undefined> {
  const chosen =
    label !== undefined
      ? sql`join prompt_label c on c.prompt_id = p.id and c.label = ${label} join prompt_version v on v.prompt_id = p.id and v.version = c.version`
      : sql`join prompt_version v on v.prompt_id = p.id and v.version = ${version === undefined ? sql`p.version` : sql`${version}::int`}`
  const { rows } =
    await sql<Row>`select ${promptColumns}, ${bodyColumns} from prompt p ${chosen} where p.id = ${id} and p.deleted_at is null`.execute(db)
  return rows[0]
}

const absent = (id: string): AppError => new AppError(PromptNotFound, `There is no prompt ${id}.`)

async function explainAbsence(db: Db, id: string, { version, label }: WhichVersion, { actor }: Ctx): Promise<never> {
  const prompt = await db
    .selectFrom('prompt')
    .select(['version', 'category'])
    .where('id', '=', id)
    .where('deletedAt', 'is', null)
    .executeTakeFirst()
  if (!prompt || (label !== undefined && isHidden(actor, prompt.category, label))) throw absent(id)
  if (label !== undefined)
    throw new AppError(LabelNotFound, `"${label}" is not set on this prompt. Set it by PUT /prompts/{id}/labels/${label}.`)
  throw new AppError(VersionNotFound, `The prompt has no version ${version}; its newest is ${prompt.version}.`)
}
