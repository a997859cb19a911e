import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { diffVersions, type VersionDiff } from '../model/diff.ts'
import { PromptNotFound, VersionNotFound } from '../model/failures.ts'
import { assertNotRedacted } from '../model/redaction.ts'
import type { Label, Version, VersionNumber } from '../model/shapes.ts'
import '../tables.ts'

const versionColumns = sql`
  v.version, v.engine, v.content, v.variables, v.config, v.change_summary, v.change_type, v.approvals, v.metadata, v.created_by, v.created_at, v.checksum, v.redaction as redacted,
  array(select l.label from prompt_label l where l.prompt_id = v.prompt_id and l.version = v.version order by 1) as labels`

type Row = Omit<Version, 'redacted'> & { redacted: Version['redacted'] | null }
const shownVersion = ({ redacted, ...version }: Row): Version => ({ ...version, ...(redacted && { redacted }) })

/** @throws PromptNotFound */
async function assertLive(db: Db, id: string): Promise<void> {
  const found = await db.selectFrom('prompt').select('id').where('id', '=', id).where('deletedAt', 'is', null).executeTakeFirst()
  if (!found) throw new AppError(PromptNotFound, `There is no prompt ${id}.`)
}

/** The versions of a prompt, newest first. */
export async function listVersions({ id, ...paged }: { id: string } & Paged, ctx: Ctx): Promise<Page<Version>> {
  const { after, take, page } = stepOf(`versions ${id}`, paged, ctx)
  const before = after ? Number(after[0]) : null
  return ctx.read(async (db) => {
    await assertLive(db, id)
    const { rows } = await sql<Row>`
      select ${versionColumns} from prompt_version v
      where v.prompt_id = ${id} and (${before}::int is null or v.version < ${before}) order by v.version desc limit ${take}`.execute(db)
    const newest = db.selectFrom('prompt').select('version').where('id', '=', id)
    return page(
      rows.map(shownVersion),
      (last) => [last.version],
      async () => (await newest.executeTakeFirstOrThrow()).version,
    )
  })
}

export const getVersion = ({ id, version }: { id: string; version: VersionNumber }, ctx: Ctx): Promise<Version> =>
  ctx.read(async (db) => {
    await assertLive(db, id)
    return selectVersion(db, id, version)
  })

async function selectVersion(db: Db, id: string, version: VersionNumber): Promise<Version> {
  const { rows } =
    await sql<Row>`select ${versionColumns} from prompt_version v where v.prompt_id = ${id} and v.version = ${version}`.execute(db)
  if (!rows[0]) throw new AppError(VersionNotFound, `The prompt has no version ${version}.`)
  return shownVersion(rows[0])
}

/** What changed from version a to version b. @throws VersionRedacted (410) when the text of one is gone */
export async function diffOf({ id, a, b }: { id: string; a: VersionNumber; b: VersionNumber }, ctx: Ctx): Promise<VersionDiff> {
  const [from, to] = await ctx.read(async (db) => {
    await assertLive(db, id)
    return [await selectVersion(db, id, a), await selectVersion(db, id, b)] as const
  })
  for (const { version, redacted } of [from, to]) assertNotRedacted({ version, redaction: redacted })
  return diffVersions(from, to)
}

export type LabelMoveView = {
  label: Label
  from: number | null
  to: number | null
  reason: string | null
  movedBy: string
  movedAt: string
}

/** The moves of one label of a prompt, newest first. */
export async function listLabelMoves(
  { id, label, ...paged }: { id: string; label: Label } & Paged,
  ctx: Ctx,
): Promise<Page<LabelMoveView>> {
  const { after, take, page } = stepOf(`moves ${id} ${label}`, paged, ctx)
  const before = after ? Number(after[0]) : null
  return ctx.read(async (db) => {
    await assertLive(db, id)
    const { rows } = await sql<LabelMoveView & { id: number }>`
      select m.id, m.label, m.from_version as "from", m.to_version as "to", m.reason, m.moved_by, m.moved_at from prompt_label_move m
      where m.prompt_id = ${id} and m.label = ${label} and (${before}::bigint is null or m.id < ${before}) order by m.id desc limit ${take}`.execute(
      db,
    )
    const found = await page(rows, (last) => [last.id])
    return { ...found, items: found.items.map(({ id: _id, ...move }) => move) }
  })
}

export type UsedBy = {
  prompts: { id: string; category: string; name: string; version: number; reference: string; labels: string[] }[]
  labels: string[]
}

/** Who depends on a prompt: prompts that include it (by the versions they serve or have newest), and its own labels. */
export const usedBy = ({ id }: { id: string }, ctx: Ctx): Promise<UsedBy> =>
  ctx.read(async (db) => {
    await assertLive(db, id)
    const { rows: prompts } = await sql<UsedBy['prompts'][number]>`
      select p.id, p.category, p.name, i.version, i.reference,
        array(select l.label from prompt_label l where l.prompt_id = p.id and l.version = i.version order by 1) as labels
      from prompt_include i join prompt p on p.id = i.prompt_id and p.deleted_at is null
      where i.target_id = ${id} and p.id <> i.target_id
        and (i.version = p.version or exists (select 1 from prompt_label l where l.prompt_id = p.id and l.version = i.version))
      order by p.category, p.name, i.version limit 1000`.execute(db)
    const labels = await db.selectFrom('promptLabel').select('label').where('promptId', '=', id).orderBy('label').execute()
    return { prompts, labels: labels.map(({ label }) => label) }
  })
