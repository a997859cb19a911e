import { type RawBuilder, sql } from 'kysely'
import type { Principal } from '../../../core/access.ts'
import type { Db } from '../../../core/db.ts'
import { unprocessable } from '../../../core/problem.ts'
import { IncludeNotFound } from '../model/failures.ts'
import { type Edge, followed, type Graph, type Includers, maxIncludes, namedTo, nodeKey, tellIncluders } from '../model/includes.ts'
import { formatReference, type IncludeRef } from '../model/templates/index.ts'
import '../tables.ts'

type Fragment = RawBuilder<unknown>
/** A version that is served by a label or is the newest. */
const isLive = (promptId: Fragment, version: Fragment): Fragment => sql`(
  exists (select 1 from prompt_label l where l.prompt_id = ${promptId} and l.version = ${version})
  or exists (select 1 from prompt q where q.id = ${promptId} and q.version = ${version}))`
/** A version that somebody pins. */
const isPinned = (promptId: Fragment, version: Fragment): Fragment =>
  sql`exists (select 1 from prompt_include x where x.target_id = ${promptId} and x.target_version = ${version})`

const edgeColumns = ['reference', 'targetId', 'targetLabel', 'targetVersion'] as const

/** Reads and writes what includes what. */
export const includeStore = (tx: Db) => ({
  /**
   * Changes to the graph of includes wait for each other, workspace by workspace, until the transaction ends. It is the
   * last lock that a transaction takes, so whoever holds it waits for nobody.
   */
  async lockGraph(workspaceId: string): Promise<void> {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`includes ${workspaceId}`}, 0))`.execute(tx)
  },

  /**
   * Find what references mean now. A reference that the version before had keeps its prompt, whatever that is called by now.
   * @param kept what the version before included
   * @param at the time, for names that prompts had before
   * @throws IncludeNotFound (422) for a prompt, label or version that is not there, and for a chat
   */
  async resolve(refs: readonly IncludeRef[], kept: readonly Edge[], at: string): Promise<Edge[]> {
    const edges = new Map<string, Edge>()
    for (const ref of refs) {
      const reference = formatReference(ref)
      if (edges.has(reference)) continue
      if (edges.size >= maxIncludes) throw refuse(`A prompt may include ${maxIncludes} others. Group some of them in prompts of their own.`)
      const known = kept.find((edge) => edge.reference === reference)
      edges.set(reference, { reference, ...followed(ref), targetId: await findTarget(tx, ref, known?.targetId ?? null, at) })
    }
    return [...edges.values()]
  },

  async add(promptId: string, version: number, edges: readonly Edge[]): Promise<void> {
    if (edges.length === 0) return
    await tx
      .insertInto('promptInclude')
      .values(edges.map((edge) => ({ ...edge, promptId, version })))
      .execute()
  },

  async remove(promptId: string, version: number): Promise<void> {
    await tx.deleteFrom('promptInclude').where('promptId', '=', promptId).where('version', '=', version).execute()
  },

  edges: (promptId: string, version: number): Promise<Edge[]> =>
    tx
      .selectFrom('promptInclude')
      .select(edgeColumns)
      .where('promptId', '=', promptId)
      .where('version', '=', version)
      .orderBy('reference')
      .execute(),

  /** What each of these versions of a prompt includes, as text to compare; empty when none of them includes anything. */
  async targets(promptId: string, versions: readonly number[]): Promise<Map<number, string>> {
    const { rows } = await sql<{ version: number; targets: string }>`
      select version, string_agg(distinct target_id::text, ' ' order by target_id::text) as targets from prompt_include
      where prompt_id = ${promptId} and version = any(${[...versions]}::int[]) group by version`.execute(tx)
    return new Map(rows.map(({ version, targets }) => [version, targets]))
  },

  /** Versions of a prompt that include something and are served, newest, or pinned by others. */
  async includingVersions(promptId: string): Promise<number[]> {
    const [id, version] = [sql`i.prompt_id`, sql`i.version`]
    const { rows } = await sql<{ version: number }>`
      select distinct i.version from prompt_include i
      where i.prompt_id = ${promptId} and (${isLive(id, version)} or ${isPinned(id, version)})`.execute(tx)
    return rows.map((row) => row.version)
  },

  /** The graph around one version, all the way down to what it includes and up to who includes it; of live prompts only. @param actor who is told of it */
  around: (promptId: string, version: number, actor: Principal): Promise<Graph> => loadGraph(tx, promptId, version, actor),
})

type Node = { id: string; version: number; category: string; name: string }
type Link = { from: Node; to: Node }

/** True when the include `i` leads to the version of a node: it pins it, or it follows its prompt and the version is live. */
const leadsTo = (node: Fragment): Fragment =>
  sql`(i.target_version = ${node}.version or (i.target_version is null and ${isLive(sql`${node}.id`, sql`${node}.version`)}))`

async function loadGraph(tx: Db, promptId: string, version: number, actor: Principal): Promise<Graph> {
  const { rows } = await sql<Link>`
    with recursive down (id, version) as (
      select ${promptId}::uuid, ${version}::int
      union
      select p.id, t.version from down d
      join prompt_include i on i.prompt_id = d.id and i.version = d.version
      join prompt p on p.id = i.target_id and p.deleted_at is null
      cross join lateral (
        select i.target_version as version where i.target_version is not null
        union all select p.version where i.target_version is null
        union all select l.version from prompt_label l where l.prompt_id = p.id and i.target_version is null) t
    ), up (id, version) as (
      select ${promptId}::uuid, ${version}::int
      union
      select i.prompt_id, i.version from up u
      join prompt_include i on i.target_id = u.id and ${leadsTo(sql`u`)}
      join prompt p on p.id = i.prompt_id and p.deleted_at is null
      where ${isLive(sql`i.prompt_id`, sql`i.version`)} or ${isPinned(sql`i.prompt_id`, sql`i.version`)}
    ), node as (
      select n.id, n.version, p.category, p.name from (select * from down union select * from up) n join prompt p on p.id = n.id
    )
    select to_json(a) as "from", to_json(b) as "to"
    from node a join prompt_include i on i.prompt_id = a.id and i.version = a.version
    join node b on b.id = i.target_id and ${leadsTo(sql`b`)}`.execute(tx)
  return graphOf(rows, actor)
}

function graphOf(rows: readonly Link[], actor: Principal): Graph {
  const names = new Map<string, string>()
  const keyOf = (node: Node): string => {
    const key = nodeKey(node.id, node.version)
    names.set(key, namedTo(actor, node))
    return key
  }
  const links = rows.map(({ from, to }) => ({ from: keyOf(from), to: keyOf(to) }))
  return { links, nameOf: (node) => names.get(node) ?? node }
}

async function findTarget(tx: Db, ref: IncludeRef, known: string | null, at: string): Promise<string> {
  const { targetLabel, targetVersion } = followed(ref)
  const { rows } = await sql<{ id: string; version: number | null; isText: boolean; isRedacted: boolean }>`
    select t.id, v.version, jsonb_typeof(v.content) = 'string' as is_text, v.redaction is not null as is_redacted from (
      select id, 0 as choice from prompt where id = ${known}::uuid and deleted_at is null
      union all select id, 1 from prompt where category = ${ref.category} and name = ${ref.name} and deleted_at is null
      union all select p.id, 2 from prompt_former_name f join prompt p on p.id = f.prompt_id and p.deleted_at is null
        where f.category = ${ref.category} and f.name = ${ref.name} and f.expires_at > ${at}
      order by choice limit 1) t
    left join prompt_label l on l.prompt_id = t.id and l.label = ${targetLabel}
    left join prompt_version v on v.prompt_id = t.id and v.version = coalesce(${targetVersion}::int, l.version)`.execute(tx)
  const [found] = rows
  const reference = formatReference(ref)
  if (!found) throw refuse(`The included prompt "${reference}" does not exist. Create it first, or mend the reference.`)
  if (found.version === null)
    throw refuse(
      `The included prompt "${reference}" has no ${targetLabel === null ? `version ${targetVersion}` : `label "${targetLabel}"`}.`,
    )
  if (found.isRedacted) throw refuse(`The text of "${reference}" was removed for good. Include another version.`)
  if (!found.isText) throw refuse(`"${reference}" is a chat; only texts can be included.`)
  return found.id
}

const refuse = (detail: string) => unprocessable(IncludeNotFound, '/content', 'include.not_found', detail)

type Target = Readonly<{ id: string; actor: Principal }>

/**
 * Prompts that need the given one, by versions that are served, newest or pinned; at most 20; by one label, or by any.
 * @param tx shows all prompts, so that hidden ones count too
 * @param target.actor who is told of them
 */
export const includersOf = (tx: Db, target: Target, label?: string): Promise<Includers> =>
  includersBy(tx, target, label === undefined ? sql`true` : sql`i.target_label = ${label}`)

/** Those of them that follow a label, whichever. */
export const followersOf = (tx: Db, target: Target): Promise<Includers> => includersBy(tx, target, sql`i.target_label is not null`)

/** Those of them that pin a version. */
export const pinnersOf = (tx: Db, target: Target, version: number): Promise<Includers> =>
  includersBy(tx, target, sql`i.target_version = ${version}`)

async function includersBy(tx: Db, { id, actor }: Target, way: Fragment): Promise<Includers> {
  const { rows } = await sql<{ category: string; name: string }>`
    select distinct p.category, p.name
    from prompt_include i
    join prompt p on p.id = i.prompt_id and p.deleted_at is null and p.id <> i.target_id
    where i.target_id = ${id} and ${way}
      and (${isLive(sql`i.prompt_id`, sql`i.version`)} or ${isPinned(sql`i.prompt_id`, sql`i.version`)})
    order by 1, 2 limit 20`.execute(tx)
  return tellIncluders(rows, actor)
}
