import { type RawBuilder, sql } from 'kysely'
import type { Ctx } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import { AppError } from '../../core/errors.ts'
import { type Paged, stepOf } from '../../core/page.ts'
import { RequestInvalid } from '../../core/problem.ts'
import type { Page } from '../../core/schemas.ts'
import { countTokens, findStanding, findStandings } from '../prompts/index.ts'
import { joinTexts } from './model/context.ts'
import { DocumentNotFound } from './model/failures.ts'
import type { Context, Document, DocumentItem, LinkedDocument, LinkingPrompt } from './model/shapes.ts'
import './tables.ts'

type Fragment = RawBuilder<unknown>

const facts = sql`d.id, d.uri, d.title, d.media_type, d.text_bytes, d.metadata, d.created_by, d.created_at, d.updated_at, d.revision`
const linkFacts = sql`l.position, l.note, l.linked_by, l.linked_at`

const select = async <R>(db: Db, query: Fragment): Promise<R[]> => (await sql<R>`${query}`.execute(db)).rows
const countOf = async (db: Db, from: Fragment): Promise<number> =>
  (await select<{ count: number }>(db, sql`select count(*)::int as count from ${from}`))[0]!.count

/** @throws DocumentNotFound */
export const getDocument = ({ id }: { id: string }, ctx: Ctx): Promise<Document> =>
  ctx.read(async (db) => {
    const [found] = await select<Document>(db, sql`select ${facts}, d.text from document d where d.id = ${id}`)
    if (!found) throw new AppError(DocumentNotFound, `There is no document ${id}.`)
    return found
  })

export type ListDocuments = Readonly<{ q?: string | undefined; uri?: string | undefined; mediaType?: string | undefined }> & Paged

/** Documents without their texts, the newest first. */
export async function listDocuments({ limit, cursor, includeTotal, ...filters }: ListDocuments, ctx: Ctx): Promise<Page<DocumentItem>> {
  const scope = `documents ${ctx.workspaceId} ${JSON.stringify(Object.entries(filters).sort())}`
  const { after, take, page } = stepOf(scope, { limit, cursor, includeTotal }, ctx)
  const before = after ? sql`d.id < ${String(after[0])}::uuid` : sql`true`
  const { q, uri, mediaType } = filters
  const pattern = `%${(q ?? '').replace(/[\\%_]/g, '\\$&')}%`
  const wanted = sql`${q === undefined ? sql`true` : sql`(d.title ilike ${pattern} or d.uri collate "default" ilike ${pattern})`}
    and ${uri === undefined ? sql`true` : sql`d.uri = ${uri}`} and ${mediaType === undefined ? sql`true` : sql`d.media_type = ${mediaType}`}`
  return ctx.read(async (db) => {
    const rows = await select<DocumentItem>(
      db,
      sql`select ${facts} from document d where ${wanted} and ${before} order by d.id desc limit ${take}`,
    )
    return page(
      rows,
      (last) => [last.id],
      () => countOf(db, sql`document d where ${wanted}`),
    )
  })
}

/** The documents of a prompt without their texts, by position and then by age. @throws PromptNotFound */
export async function listPromptDocuments({ id, ...paged }: { id: string } & Paged, ctx: Ctx): Promise<Page<LinkedDocument>> {
  const { after, take, page } = stepOf(`documents of ${id}`, paged, ctx)
  const rest = after ? sql`(l.position, l.document_id) > (${Number(after[0])}, ${String(after[1])}::uuid)` : sql`true`
  return ctx.read(async (db) => {
    await findStanding(db, id)
    const rows = await selectLinked(db, id, sql`${rest} order by l.position, l.document_id limit ${take}`)
    return page(
      rows,
      (last) => [last.position, last.id],
      () => countOf(db, sql`document_link l where l.prompt_id = ${id}`),
    )
  })
}

const selectLinked = (db: Db, promptId: string, rest: Fragment): Promise<LinkedDocument[]> =>
  select(
    db,
    sql`select ${facts}, ${linkFacts} from document_link l join document d on d.id = l.document_id where l.prompt_id = ${promptId} and ${rest}`,
  )

/**
 * The texts of a prompt's documents in one, in their order, until `maxTokens` are used up; the one that does not fit is cut.
 * @param maxTokens in the o200k_base encoding
 * @throws PromptNotFound
 */
export const documentContext = ({ id, maxTokens = 8_000 }: { id: string; maxTokens?: number | undefined }, ctx: Ctx): Promise<Context> =>
  ctx.read(async (db) => {
    await findStanding(db, id)
    const linked = await selectLinked(db, id, sql`true order by l.position, l.document_id`)
    const read = async (documentId: string) =>
      (await select<{ text: string | null }>(db, sql`select text from document where id = ${documentId}`))[0]?.text ?? ''
    return joinTexts(linked, read, maxTokens, countTokens)
  })

/** How many prompts of each document are compared, the last ones, and how many of the prompts are told. */
const [linkedCompared, linkedTold] = [1_000, 100]

/** Prompts that are linked to the same documents as one, with the Jaccard index of the two sets: evidence of shared use. */
export async function sharedDocuments(
  id: string,
  ctx: Ctx,
): Promise<{ promptId: string; kind: 'documents'; score: number; detail: string }[]> {
  // What the caller may not see falls out where the prompts are read.
  const found = await ctx.read((db) =>
    select<{ promptId: string; common: number; own: number; theirs: number; titles: string[] }>(
      db,
      sql`with mine as materialized (select document_id from document_link where prompt_id = ${id}),
      other as (
        select l.prompt_id, array_agg(mine.document_id order by mine.document_id) as documents from mine
        cross join lateral (
          select prompt_id from document_link where document_id = mine.document_id and prompt_id <> ${id}
          order by prompt_id desc limit ${linkedCompared}) l
        group by 1 order by cardinality(array_agg(mine.document_id)) desc, 1 limit ${linkedTold})
      select o.prompt_id, cardinality(o.documents) as common, (select count(*)::int from mine) as own,
        (select count(*)::int from document_link t where t.prompt_id = o.prompt_id) as theirs,
        array(select d.title from document d where d.id = any(o.documents[1:3]) order by d.id) as titles
      from other o order by common desc, o.prompt_id`,
    ),
  )
  return found.map(({ promptId, common, own, theirs, titles }) => ({
    promptId,
    kind: 'documents',
    score: common / (own + theirs - common),
    detail: `Documents in common: ${titles.join(', ')}${common > titles.length ? ` and ${common - titles.length} more` : ''}.`,
  }))
}

type Which = { documentId?: string | undefined; uri?: string | undefined }

/** The prompts that a document is linked to, as far as the caller may see them, by age. @throws DocumentNotFound; RequestInvalid (400) */
export async function listDocumentPrompts({ documentId, uri, ...paged }: Which & Paged, ctx: Ctx): Promise<Page<LinkingPrompt>> {
  if ((documentId === undefined) === (uri === undefined))
    throw new AppError(RequestInvalid, 'Name the document by its documentId or by its uri, by one of them.', {
      errors: [{ pointer: '?documentId', code: 'query.one_of', detail: 'Either this or uri is needed, not both.' }],
    })
  return ctx.read(async (db) => {
    const [found] = await select<{ id: string }>(
      db,
      documentId !== undefined ? sql`select id from document where id = ${documentId}` : sql`select id from document where uri = ${uri}`,
    )
    if (!found) throw new AppError(DocumentNotFound, `There is no document ${documentId ?? `"${uri}"`}.`)
    const { after, take, page } = stepOf(`prompts of ${found.id}`, paged, ctx)
    const rows = await visiblePrompts(db, found.id, after ? String(after[0]) : null, take)
    return page(
      rows,
      (last) => [last.id],
      async () => (await visiblePrompts(db, found.id, null, Number.POSITIVE_INFINITY)).length,
    )
  })
}

type Link = { promptId: string } & Pick<LinkingPrompt, 'position' | 'note' | 'linkedBy' | 'linkedAt'>
const batch = 1_000

/** Links are ours and prompts are not: read links in batches, and ask for their prompts, until enough of them can be seen. */
async function visiblePrompts(db: Db, documentId: string, after: string | null, wanted: number): Promise<LinkingPrompt[]> {
  const items: LinkingPrompt[] = []
  for (let from = after; ; ) {
    const links = await select<Link>(
      db,
      sql`select l.prompt_id, ${linkFacts} from document_link l
        where l.document_id = ${documentId} and (${from}::uuid is null or l.prompt_id > ${from}::uuid) order by l.prompt_id limit ${batch}`,
    )
    const prompts = await findStandings(
      db,
      links.map(({ promptId }) => promptId),
    )
    const byId = new Map(prompts.map((prompt) => [prompt.id, prompt]))
    for (const { promptId, ...link } of links) {
      const prompt = byId.get(promptId)
      if (prompt) items.push({ id: prompt.id, category: prompt.category, name: prompt.name, ...link })
      if (items.length === wanted) return items
    }
    if (links.length < batch) return items
    from = links.at(-1)!.promptId
  }
}
