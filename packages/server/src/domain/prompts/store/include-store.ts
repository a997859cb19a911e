import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { IncludeNotFound } from '../model/failures.ts'
import { type Edge, followed, maxIncludeDepth, type Node } from '../model/includes.ts'
import { formatReference, type IncludeRef } from '../model/templates/index.ts'
import '../tables.ts'

/** Reads and writes what includes what. */
export const includeStore = (tx: Db) => ({
  /** Changes that could close a cycle wait for each other, workspace by workspace, until the transaction ends. */
  async lockGraph(workspaceId: string): Promise<void> {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`includes ${workspaceId}`}, 0))`.execute(tx)
  },

  /**
   * Find what references mean now, and keep it from being deleted meanwhile.
   * @throws IncludeNotFound (422) for a prompt, label or version that is not there
   */
  async resolve(refs: readonly IncludeRef[]): Promise<Edge[]> {
    const edges = new Map<string, Edge>()
    for (const ref of refs) {
      const reference = formatReference(ref)
      if (edges.has(reference)) continue
      const { targetLabel, targetVersion } = followed(ref)
      const { rows } = await sql<{ id: string; found: boolean }>`
        select p.id, case when ${targetVersion}::int is null
            then exists (select 1 from prompt_label l where l.prompt_id = p.id and l.label = ${targetLabel})
            else exists (select 1 from prompt_version v where v.prompt_id = p.id and v.version = ${targetVersion}) end as found
        from prompt p where p.category = ${ref.category} and p.name = ${ref.name} and p.deleted_at is null for share of p`.execute(tx)
      if (!rows[0]) throw new AppError(IncludeNotFound, `The included prompt "${reference}" does not exist. Create it first, or mend the reference.`)
      if (!rows[0].found)
        throw new AppError(IncludeNotFound, `The included prompt "${reference}" has no ${targetLabel === null ? `version ${targetVersion}` : `label "${targetLabel}"`}.`)
      edges.set(reference, { reference, targetId: rows[0].id, targetLabel, targetVersion })
    }
    return [...edges.values()]
  },

  async add(promptId: string, version: number, edges: readonly Edge[]): Promise<void> {
    if (edges.length === 0) return
    await tx.insertInto('promptInclude').values(edges.map((edge) => ({ ...edge, promptId, version }))).execute()
  },

  edges: (promptId: string, version: number): Promise<Edge[]> =>
    tx.selectFrom('promptInclude').select(['reference', 'targetId', 'targetLabel', 'targetVersion']).where('promptId', '=', promptId).where('version', '=', version).orderBy('reference').execute(),

  /** Every version that includes of the given prompts may lead to, level by level, with the names of the prompts. */
  async reachable(start: readonly Edge[]): Promise<{ nodes: Map<string, Node[]>; names: Map<string, string> }> {
    const nodes = new Map<string, Node[]>()
    const names = new Map<string, string>()
    let wanted = new Set(start.map(({ targetId }) => targetId))
    for (let depth = 0; wanted.size > 0 && depth <= maxIncludeDepth + 1; depth++) {
      const level = await candidates(tx, [...wanted])
      for (const { promptId, name } of level) names.set(promptId, name)
      for (const id of wanted) nodes.set(id, level.filter((n) => n.promptId === id))
      wanted = new Set(level.flatMap(({ edges }) => edges.map(({ targetId }) => targetId)).filter((id) => !nodes.has(id)))
    }
    return { nodes, names }
  },
})

type Candidate = Node & { name: string }

/** Of each prompt: the versions that carry a label, the newest, and those that somebody pins. */
async function candidates(tx: Db, ids: string[]): Promise<Candidate[]> {
  const { rows } = await sql<Candidate>`
    select p.id as "promptId", p.category || '/' || p.name as name, v.version,
      coalesce(json_agg(json_build_object('reference', i.reference, 'targetId', i.target_id, 'targetLabel', i.target_label, 'targetVersion', i.target_version))
        filter (where i.reference is not null), '[]') as edges
    from prompt p
    join prompt_version v on v.prompt_id = p.id and (
      v.version = p.version
      or exists (select 1 from prompt_label l where l.prompt_id = p.id and l.version = v.version)
      or exists (select 1 from prompt_include x where x.target_id = p.id and x.target_version = v.version))
    left join prompt_include i on i.prompt_id = v.prompt_id and i.version = v.version
    where p.id = any(${ids}) and p.deleted_at is null
    group by p.id, p.category, p.name, v.version`.execute(tx)
  return rows
}

/** Prompts whose served or newest versions include the given one: `category/name`, at most 20; of one label, or of any. */
export async function includersOf(tx: Db, targetId: string, label?: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select distinct p.category || '/' || p.name as name
    from prompt_include i
    join prompt p on p.id = i.prompt_id and p.deleted_at is null and p.id <> i.target_id
    where i.target_id = ${targetId} and (${label ?? null}::text is null or i.target_label = ${label ?? null})
      and (i.version = p.version or exists (select 1 from prompt_label l where l.prompt_id = p.id and l.version = i.version))
    order by 1 limit 20`.execute(tx)
  return rows.map(({ name }) => name)
}
