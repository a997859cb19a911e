import { CompiledQuery, sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { AppError, type ErrorKind } from '../../../core/errors.ts'
import { prefix } from '../../../core/http/mount.ts'
import { IncludeUnavailable, LabelNotFound, PromptArchived, PromptNotFound, VersionNotFound, VersionRedacted } from '../model/failures.ts'
import { maxIncludeDepth, type NodeKey, nodeKey } from '../model/includes.ts'
import { type Deprecation, deprecationHeaders } from '../model/served.ts'
import { labelOf, type Wanted } from '../model/serving-keys.ts'
import type { Body, ManifestEntry } from '../model/shapes.ts'
import '../tables.ts'

/** A version in a composition: which one it is, and what it includes by reference. */
export type PartPointer = Readonly<{ entry: ManifestEntry; links: ReadonlyMap<string, NodeKey> }>

/** A served version without its body, and all that it includes. */
export type Pointer = Readonly<{
  id: string
  category: string
  name: string
  description: string
  tags: string[]
  metadata: Record<string, unknown>
  isTemplate: boolean
  status: string
  deprecatedAt: string | null
  sunsetAt: string | null
  /** The prompt to use instead; null for one that cannot be served. */
  successor: Deprecation['successor']
  updatedAt: string
  version: number
  checksum: string
  /** Set when it was found under a former name: until when that name serves. */
  formerUntil: string | null
  /** Itself first, then what it includes, the nearest first; each version once. */
  parts: ReadonlyMap<NodeKey, PartPointer>
  /** True when something in it follows a label: then even a pinned version may be served differently tomorrow. */
  followsLabels: boolean
}>

type Found = Omit<Pointer, 'parts' | 'followsLabels'> & { hasIncludes: boolean; isRedacted: boolean }

const facts = `p.id, p.category, p.name, p.description, p.tags, p.metadata, p.is_template, p.status, p.updated_at, v.version, v.checksum, v.redaction is not null as is_redacted,
  p.deprecated_at, p.sunset_at, case when p.successor_id is not null then (select json_build_object('id', s.id, 'category', s.category, 'name', s.name)
    from prompt s where s.id = p.successor_id and s.deleted_at is null and s.status <> 'archived') end as successor,
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

/** What some versions include, and which versions that is now. */
const included = `/*hot:serve_included*/
select i.prompt_id, i.version, i.reference, i.target_label, p.id as target_id, p.category, p.name, p.status, v.version as target_version, v.checksum, v.redaction is not null as is_redacted
from unnest($1::uuid[], $2::int[]) w (id, version)
join prompt_include i on i.prompt_id = w.id and i.version = w.version
left join prompt p on p.id = i.target_id and p.deleted_at is null
left join prompt_label l on l.prompt_id = p.id and l.label = i.target_label
left join prompt_version v on v.prompt_id = p.id and v.version = coalesce(i.target_version, l.version)
order by w.id, w.version, i.reference`

const select = async <R>(db: Db, text: string, values: unknown[]): Promise<R[]> =>
  (await db.executeQuery<R>(CompiledQuery.raw(text, values))).rows

/**
 * Find what is to be served, and all that it includes, in one snapshot.
 * @param at the time, for former names
 * @throws PromptNotFound, LabelNotFound, VersionNotFound (404), PromptArchived, VersionRedacted (410), IncludeUnavailable (409)
 */
export async function findServed(db: Db, wanted: Wanted, at: string): Promise<Pointer> {
  const label = labelOf(wanted) ?? null
  const version = wanted.version ?? null
  const [found] =
    'id' in wanted
      ? await select<Found>(db, byId, [wanted.id, label, version])
      : await select<Found>(db, byName, [wanted.category, wanted.name, label, version, at])
  const called = 'id' in wanted ? wanted.id : `"${wanted.category}/${wanted.name}"`
  if (!found) throw new AppError(PromptNotFound, `There is no prompt ${called}.`)
  if (found.version === null) throw absent(found, label, version)
  if (found.status === 'archived' && label !== null) throw archived(found)
  const { hasIncludes, isRedacted, ...pointer } = found
  if (isRedacted)
    throw new AppError(VersionRedacted, `The text of version ${found.version} of ${called} was removed for good. Ask for another one.`, {
      members: { promptId: found.id },
    })
  return { ...pointer, ...(await withIncludes(db, found, hasIncludes)) }
}

/** An unset label is a 404 of its own, never a silent fallback to the newest version. */
function absent(found: Found, label: string | null, version: number | null): AppError {
  const [kind, detail]: [ErrorKind, string] =
    label === null
      ? [VersionNotFound, `"${found.category}/${found.name}" has no version ${version}.`]
      : [LabelNotFound, `"${label}" is not set on "${found.category}/${found.name}". Set it, or ask for a version.`]
  return new AppError(kind, detail, { members: { promptId: found.id } })
}

/** A label of an archived prompt serves no more; its versions stay, for those who pin them. */
function archived(found: Found): AppError {
  const { id: promptId, category, name, version, successor } = found
  return new AppError(
    PromptArchived,
    `"${category}/${name}" is archived and no longer served by label. ${successor ? `Use "${successor.category}/${successor.name}" instead, or ask` : 'Ask'} for a version, such as ${version}.`,
    { members: { promptId, ...(successor && { successor }) }, headers: deprecationHeaders(deprecationOf(found), prefix) },
  )
}

/** What callers of the prompt should know; undefined for one that was not deprecated. */
export const deprecationOf = ({
  deprecatedAt: since,
  sunsetAt,
  successor,
}: Pick<Pointer, 'deprecatedAt' | 'sunsetAt' | 'successor'>): Deprecation | undefined =>
  since === null ? undefined : { since, sunsetAt, successor }

type Growing = { entry: ManifestEntry; links: Map<string, NodeKey> }
type Included = { promptId: string; version: number; reference: string; targetLabel: string | null } & (
  | { targetId: null; targetVersion: null; isRedacted: boolean }
  | {
      targetId: string
      targetVersion: number | null
      isRedacted: boolean
      category: string
      name: string
      status: string
      checksum: string
    }
)

/** Level by level, one query each; a version that is included along many ways is looked at once. */
async function withIncludes(
  db: Db,
  { id: promptId, category, name, version, checksum }: Found,
  hasIncludes: boolean,
): Promise<Pick<Pointer, 'parts' | 'followsLabels'>> {
  const root: Growing = { entry: { promptId, category, name, version, checksum }, links: new Map() }
  const parts = new Map<NodeKey, Growing>([[nodeKey(promptId, version), root]])
  let followsLabels = false
  let level = hasIncludes ? [root] : []
  for (let depth = 0; level.length > 0; depth++) {
    const rows = await select<Included>(db, included, [level.map((part) => part.entry.promptId), level.map((part) => part.entry.version)])
    if (depth >= maxIncludeDepth && rows.length > 0)
      throw new AppError(IncludeUnavailable, `Includes nest deeper than ${maxIncludeDepth} below "${category}/${name}".`)
    level = []
    for (const row of rows) {
      const from = parts.get(nodeKey(row.promptId, row.version))!
      if (row.targetVersion === null || row.isRedacted || (row.targetLabel !== null && row.status === 'archived'))
        throw unavailable(from.entry, row)
      const key = nodeKey(row.targetId, row.targetVersion)
      from.links.set(row.reference, key)
      followsLabels ||= row.targetLabel !== null
      if (parts.has(key)) continue
      const part: Growing = {
        entry: { promptId: row.targetId, category: row.category, name: row.name, version: row.targetVersion, checksum: row.checksum },
        links: new Map(),
      }
      parts.set(key, part)
      level.push(part)
    }
  }
  return { parts, followsLabels }
}

const unavailable = ({ category, name }: ManifestEntry, row: Included): AppError =>
  new AppError(IncludeUnavailable, `"${category}/${name}" includes "${row.reference}", which cannot be served: ${reasonOf(row)}.`)

const reasonOf = ({ isRedacted, ...target }: Included): string => {
  if (isRedacted) return 'its text was removed for good'
  if (target.targetId === null) return 'it was deleted'
  return target.targetVersion === null ? 'the label is not set' : 'it is archived'
}

/** The bodies of versions, by `promptId@version`. */
export async function findBodies(db: Db, versions: readonly ManifestEntry[]): Promise<Map<NodeKey, Body>> {
  const { rows } = await sql<Omit<Body, 'type'> & { promptId: string; version: number }>`
    select v.prompt_id, v.version, v.engine, v.content, v.variables, v.config from prompt_version v
    join unnest(${versions.map(({ promptId }) => promptId)}::uuid[], ${versions.map(({ version }) => version)}::int[]) w (id, version) on w.id = v.prompt_id and w.version = v.version`.execute(
    db,
  )
  return new Map(
    rows.map(({ promptId, version, ...body }) => [
      nodeKey(promptId, version),
      { type: typeof body.content === 'string' ? 'text' : 'chat', ...body },
    ]),
  )
}
