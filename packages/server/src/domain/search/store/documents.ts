import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { type DocumentTerm, documentTerms, encodeWeights } from '../model/weights.ts'
import type { Source } from '../neighbours.ts'
import '../tables.ts'

type Old = Readonly<{ promptId: string; terms: number[]; textHash: string }>
type Analysed = Readonly<{ source: Source; textHash: string; terms: readonly DocumentTerm[] }>

/** Bring the documents of these prompts of one workspace to the state of their sources; those without one are taken away. */
export async function saveDocuments(db: Db, workspaceId: string, ids: readonly string[], sources: readonly Source[]): Promise<void> {
  const old = new Map((await loadOld(db, workspaceId, ids)).map((row) => [row.promptId, row]))
  const live = new Set(sources.map(({ id }) => id))
  const gone = [...old.values()].filter(({ promptId }) => !live.has(promptId))
  const hashed = sources.map((source) => ({ source, textHash: textHashOf(source) }))
  const isSame = ({ source, textHash }: { source: Source; textHash: string }) => old.get(source.id)?.textHash === textHash
  const changed: Analysed[] = hashed.filter((one) => !isSame(one)).map((one) => ({ ...one, terms: documentTerms(one.source) }))
  await saveFacts(
    db,
    hashed.filter(isSame).map(({ source }) => source),
  )
  const numbers = await numberTerms(db, workspaceId, [...new Set(changed.flatMap(({ terms }) => terms.map(({ term }) => term)))])
  const deltas = new Map<number, number>()
  const count = (ids: Iterable<number>, by: 1 | -1) => {
    for (const id of ids) deltas.set(id, (deltas.get(id) ?? 0) + by)
  }
  for (const { promptId } of [...gone, ...changed.map(({ source }) => ({ promptId: source.id }))]) count(old.get(promptId)?.terms ?? [], -1)
  for (const { terms } of changed)
    count(
      terms.map(({ term }) => numbers.get(term)!),
      1,
    )
  await insertDocuments(db, changed, numbers)
  await removeDocuments(
    db,
    workspaceId,
    gone.map(({ promptId }) => promptId),
  )
  await addCounts(db, workspaceId, deltas)
  await addToTotal(db, workspaceId, changed.filter(({ source }) => !old.has(source.id)).length - gone.length)
}

const loadOld = (db: Db, workspaceId: string, ids: readonly string[]): Promise<Old[]> =>
  db
    .selectFrom('searchDocument')
    .select(['promptId', 'terms', 'textHash'])
    .where('workspaceId', '=', workspaceId)
    .where('promptId', 'in', [...ids])
    .execute()

/** Changes when anything that is searched does. */
const textHashOf = ({ name, category, description, tags, variables, content }: Source): string =>
  createHash('sha256')
    .update(JSON.stringify([name, category, description, tags, variables.map((v) => [v.name, v.description]), content]))
    .digest('base64url')

const factsOf = ({ revision, category, tags, status, author, isTemplate, labels, updatedAt }: Source) => ({
  revision,
  category,
  tags: [...tags],
  status,
  author,
  isTemplate,
  labels: [...labels],
  updatedAt,
})

async function saveFacts(db: Db, sources: readonly Source[]): Promise<void> {
  for (const source of sources)
    await db
      .updateTable('searchDocument')
      .set(factsOf(source))
      .where('workspaceId', '=', source.workspaceId)
      .where('promptId', '=', source.id)
      .execute()
}

/** Numbers of terms; new ones get theirs. */
async function numberTerms(db: Db, workspaceId: string, terms: readonly string[]): Promise<Map<string, number>> {
  if (terms.length === 0) return new Map()
  const known = await sql<{ term: string; id: number }>`
    select term, id from search_term where workspace_id = ${workspaceId} and term = any (${[...terms]}::text[])`.execute(db)
  const numbers = new Map(known.rows.map(({ term, id }) => [term, id]))
  const missing = terms.filter((term) => !numbers.has(term))
  if (missing.length === 0) return numbers
  const made = await sql<{ term: string; id: number }>`
    insert into search_term (workspace_id, term, documents) select ${workspaceId}, term, 0 from unnest(${missing}::text[]) term
    returning term, id`.execute(db)
  for (const { term, id } of made.rows) numbers.set(term, id)
  return numbers
}

async function insertDocuments(db: Db, documents: readonly Analysed[], numbers: ReadonlyMap<string, number>): Promise<void> {
  if (documents.length === 0) return
  const rows = documents.map(({ source, textHash, terms }) => {
    const numbered = terms.map((one) => ({ ...one, id: numbers.get(one.term)! }))
    return {
      workspaceId: source.workspaceId,
      promptId: source.id,
      ...factsOf(source),
      terms: numbered.map(({ id }) => id),
      titleTerms: numbered.filter(({ title }) => title).map(({ id }) => id),
      weights: encodeWeights(numbered),
      textHash,
    }
  })
  const columns = Object.keys(rows[0]!) as (keyof (typeof rows)[number])[]
  const kept = columns.filter((column) => column !== 'workspaceId' && column !== 'promptId')
  await db
    .insertInto('searchDocument')
    .values(rows)
    .onConflict((c) =>
      c
        .columns(['workspaceId', 'promptId'])
        .doUpdateSet((e) => Object.fromEntries(kept.map((column) => [column, e.ref(`excluded.${column}`)]))),
    )
    .execute()
  await db
    .insertInto('searchVectorDue')
    .values(rows.map(({ workspaceId, promptId, textHash }) => ({ workspaceId, promptId, textHash, claimedUntil: null })))
    .onConflict((c) =>
      c.columns(['workspaceId', 'promptId']).doUpdateSet((e) => ({ textHash: e.ref('excluded.textHash'), claimedUntil: null })),
    )
    .execute()
}

/** What a redaction removes leaves nothing here: neither a vector made of it nor a word that no other document has. */
export async function forgetRedacted(db: Db, workspaceId: string, promptId: string): Promise<void> {
  await forgetVectors(db, workspaceId, [promptId])
  await sql`delete from search_term where workspace_id = ${workspaceId} and documents = 0`.execute(db)
}

/** Vectors stay as empty ones, so that every instance learns that they are gone. */
const forgetVectors = (db: Db, workspaceId: string, ids: readonly string[]) =>
  sql`update search_vector set vector = '', xid = pg_current_xact_id()
    where workspace_id = ${workspaceId} and prompt_id = any (${[...ids]}::uuid[])`.execute(db)

async function removeDocuments(db: Db, workspaceId: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await db
    .deleteFrom('searchDocument')
    .where('workspaceId', '=', workspaceId)
    .where('promptId', 'in', [...ids])
    .execute()
  await db
    .deleteFrom('searchVectorDue')
    .where('workspaceId', '=', workspaceId)
    .where('promptId', 'in', [...ids])
    .execute()
  await forgetVectors(db, workspaceId, ids)
}

async function addCounts(db: Db, workspaceId: string, deltas: ReadonlyMap<number, number>): Promise<void> {
  const moved = [...deltas].filter(([, by]) => by !== 0)
  if (moved.length === 0) return
  await sql`update search_term t set documents = greatest(0, t.documents + d.by)
    from unnest(${moved.map(([id]) => id)}::int[], ${moved.map(([, by]) => by)}::int[]) as d (id, by)
    where t.workspace_id = ${workspaceId} and t.id = d.id`.execute(db)
}

async function addToTotal(db: Db, workspaceId: string, by: number): Promise<void> {
  if (by === 0) return
  await sql`insert into search_statistics (workspace_id, documents) values (${workspaceId}, greatest(0, ${by}::int))
    on conflict (workspace_id) do update set documents = greatest(0, search_statistics.documents + ${by}::int)`.execute(db)
}
