import { type RawBuilder, sql } from 'kysely'
import type { Ctx } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import { AppError } from '../../core/errors.ts'
import { pageSize } from '../../core/page.ts'
import { RequestInvalid } from '../../core/problem.ts'
import type { Page } from '../../core/schemas.ts'
import { countTokens, findStanding, findStandings } from '../prompts/index.ts'
import { joinTexts } from './model/context.ts'
import { DocumentNotFound } from './model/failures.ts'
import type { Context, Document, DocumentItem, LinkedDocument, LinkingPrompt } from './model/shapes.ts'
import './tables.ts'

type Paged = { limit?: number | undefined; cursor?: string | undefined; includeTotal?: boolean | undefined }
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
  const size = pageSize(limit)
  const scope = `documents ${ctx.workspaceId} ${JSON.stringify(Object.entries(filters).sort())}`
  const before = cursor === undefined ? sql`true` : sql`d.id < ${String(ctx.cursors.decode(scope, cursor)[0])}::uuid`
  const { q, uri, mediaType } = filters
  const pattern = `%${(q ?? '').replace(/[\\%_]/g, '\\$&')}%`
  const wanted = sql`${q === undefined ? sql`true` : sql`(d.title ilike ${pattern} or d.uri collate "default" ilike ${pattern})`}
    and ${uri === undefined ? sql`true` : sql`d.uri = ${uri}`} and ${mediaType === undefined ? sql`true` : sql`d.media_type = ${mediaType}`}`
  return ctx.read(async (db) => {
    const rows = await select<DocumentItem>(
      db,
      sql`select ${facts} from document d where ${wanted} and ${before} order by d.id desc limit ${size + 1}`,
    )
    const items = rows.slice(0, size)
    return {
      items,
      nextCursor: rows.length > size ? ctx.cursors.encode(scope, [items.at(-1)!.id]) : null,
      ...(includeTotal && { total: await countOf(db, sql`document d where ${wanted}`) }),
    }
  })
}

/** The documents of a prompt without their texts, by position and then by age. @throws PromptNotFound */
export async function listPromptDocuments(
  { id, limit, cursor, includeTotal }: { id: string } & Paged,
  ctx: Ctx,
): Promise<Page<LinkedDocument>> {
  const size = pageSize(limit)
  const scope = `documents of ${id}`
  const [position, last] = cursor === undefined ? [] : ctx.cursors.decode(scope, cursor)
  const after = cursor === undefined ? sql`true` : sql`(l.position, l.document_id) > (${Number(position)}, ${String(last)}::uuid)`
  return ctx.read(async (db) => {
    await findStanding(db, id)
    const rows = await selectLinked(db, id, sql`${after} order by l.position, l.document_id limit ${size + 1}`)
    const items = rows.slice(0, size)
    const end = items.at(-1)
    return {
      items,
      nextCursor: rows.length > size && end ? ctx.cursors.encode(scope, [end.position, end.id]) : null,
      ...(includeTotal && { total: await countOf(db, sql`document_link l where l.prompt_id = ${id}`) }),
    }
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

type Which = { documentId?: string | undefined; uri?: string | undefined }

/** The prompts that a document is linked to, as far as the caller may see them, by age. @throws DocumentNotFound; RequestInvalid (400) */
export async function listDocumentPrompts(
  { documentId, uri, limit, cursor, includeTotal }: Which & Paged,
  ctx: Ctx,
): Promise<Page<LinkingPrompt>> {
  if ((documentId === undefined) === (uri === undefined))
    throw new AppError(RequestInvalid, 'Name the document by its documentId or by its uri, by one of them.', {
      errors: [{ pointer: '?documentId', code: 'query.one_of', detail: 'Either this or uri is needed, not both.' }],
    })
  const size = pageSize(limit)
  return ctx.read(async (db) => {
    const [found] = await select<{ id: string }>(
      db,
      documentId !== undefined ? sql`select id from document where id = ${documentId}` : sql`select id from document where uri = ${uri}`,
    )
    if (!found) throw new AppError(DocumentNotFound, `There is no document ${documentId ?? `"${uri}"`}.`)
    const scope = `prompts of ${found.id}`
    const after = cursor === undefined ? null : String(ctx.cursors.decode(scope, cursor)[0])
    const rows = await visiblePrompts(db, found.id, after, size + 1)
    const items = rows.slice(0, size)
    return {
      items,
      nextCursor: rows.length > size ? ctx.cursors.encode(scope, [items.at(-1)!.id]) : null,
      ...(includeTotal && { total: (await visiblePrompts(db, found.id, null, Number.POSITIVE_INFINITY)).length }),
    }
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
