import { CompiledQuery, sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { AppError, type ErrorKind } from '../../../core/errors.ts'
import { IncludeUnavailable, LabelNotFound, PromptNotFound, VersionNotFound } from '../model/failures.ts'
import { type Edge, maxIncludeDepth } from '../model/includes.ts'
import type { Body } from '../model/shapes.ts'
import { labelOf, type Wanted } from '../model/serving-keys.ts'
import '../tables.ts'

/** A served version without its body, and what it includes. */
export type Pointer = Readonly<{
  id: string
  category: string
  name: string
  description: string
  tags: string[]
  metadata: Record<string, unknown>
  isTemplate: boolean
  status: string
  updatedAt: string
  version: number
  checksum: string
  /** Set when it was found under a former name: until when that name serves. */
  formerUntil: string | null
  includes: readonly Readonly<{ edge: Edge; target: Pointer }>[]
}>

type Found = Omit<Pointer, 'includes'> & { hasIncludes: boolean }

const facts = `p.id, p.category, p.name, p.description, p.tags, p.metadata, p.is_template, p.status, p.updated_at, v.version, v.checksum,
  exists (select 1 from prompt_include i where i.prompt_id = p.id and i.version = v.version) as has_includes`
const chosen = (label: string, version: string) => `
  left join prompt_label l on l.prompt_id = p.id and l.label = ${label}
  left join prompt_version v on v.prompt_id = p.id and v.version = case when ${label}::text is null then ${version}::int else l.version end`

const byName = `/*hot:serve_by_name*/
select n.until as former_until, ${facts} from (
  select id, null::timestamptz as until from prompt where category = $1 and name = $2 and deleted_at is null
  union all
  select prompt_id, expires_at from prompt_former_name f where category = $1 and name = $2 and expires_at > $5
    and not exists (select 1 from prompt where category = $1 and name = $2 and deleted_at is null)
) n join prompt p on p.id = n.id and p.deleted_at is null ${chosen('$3', '$4')}`

const byId = `/*hot:serve_by_id*/
select null::timestamptz as former_until, ${facts} from prompt p ${chosen('$2', '$3')} where p.id = $1 and p.deleted_at is null`

const select = async (db: Db, text: string, values: unknown[]): Promise<Found | undefined> =>
  (await db.executeQuery<Found>(CompiledQuery.raw(text, values))).rows[0]

/**
 * Find what is to be served, and all that it includes, in one snapshot.
 * @param at the time, for former names
 * @throws PromptNotFound, LabelNotFound, VersionNotFound (404), IncludeUnavailable (409)
 */
export async function findServed(db: Db, wanted: Wanted, at: string): Promise<Pointer> {
  const label = labelOf(wanted) ?? null
  const version = wanted.version ?? null
  const found =
    'id' in wanted
      ? await select(db, byId, [wanted.id, label, version])
      : await select(db, byName, [wanted.category, wanted.name, label, version, at])
  const called = 'id' in wanted ? wanted.id : `"${wanted.category}/${wanted.name}"`
  if (!found) throw new AppError(PromptNotFound, `There is no prompt ${called}.`)
  if (found.version === null) throw absent(found, label, version)
  return withIncludes(db, found, 0)
}

/** An unset label is a 404 of its own, never a silent fallback to the newest version. */
function absent(found: Found, label: string | null, version: number | null): AppError {
  const [kind, detail]: [ErrorKind, string] =
    label === null
      ? [VersionNotFound, `"${found.category}/${found.name}" has no version ${version}.`]
      : [LabelNotFound, `"${label}" is not set on "${found.category}/${found.name}". Set it, or ask for a version.`]
  return new AppError(kind, detail, { members: { promptId: found.id } })
}

async function withIncludes(db: Db, { hasIncludes, ...found }: Found, depth: number): Promise<Pointer> {
  if (!hasIncludes) return { ...found, includes: [] }
  if (depth >= maxIncludeDepth) throw new AppError(IncludeUnavailable, `Includes nest deeper than ${maxIncludeDepth} at "${found.category}/${found.name}".`)
  const edges = await db
    .selectFrom('promptInclude')
    .select(['reference', 'targetId', 'targetLabel', 'targetVersion'])
    .where('promptId', '=', found.id)
    .where('version', '=', found.version)
    .orderBy('reference')
    .execute()
  const includes: { edge: Edge; target: Pointer }[] = []
  for (const edge of edges) {
    const target = await select(db, byId, [edge.targetId, edge.targetLabel, edge.targetVersion])
    if (!target || target.version === null)
      throw new AppError(IncludeUnavailable, `"${found.category}/${found.name}" includes "${edge.reference}", which cannot be served: ${target ? 'the label is not set' : 'it was deleted'}.`)
    includes.push({ edge, target: await withIncludes(db, target, depth + 1) })
  }
  return { ...found, includes }
}

/** The bodies of versions, by `promptId@version`. */
export async function findBodies(db: Db, versions: readonly { id: string; version: number }[]): Promise<Map<string, Body>> {
  const { rows } = await sql<Omit<Body, 'type'> & { promptId: string; version: number }>`
    select v.prompt_id, v.version, v.engine, v.content, v.variables, v.config from prompt_version v
    join unnest(${versions.map(({ id }) => id)}::uuid[], ${versions.map(({ version }) => version)}::int[]) w (id, version) on w.id = v.prompt_id and w.version = v.version`.execute(db)
  return new Map(rows.map(({ promptId, version, ...body }) => [`${promptId}@${version}`, { type: typeof body.content === 'string' ? 'text' : 'chat', ...body }]))
}
