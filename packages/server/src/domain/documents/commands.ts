import { assertMay, may } from '../../core/access.ts'
import type { Ctx } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import { AppError } from '../../core/errors.ts'
import { assertIfMatch } from '../../core/http/headers.ts'
import { findStandings, findVisible, type Standee } from '../prompts/index.ts'
import {
  assertReadOnlyUnchanged,
  type By,
  changeDocument,
  changeLink,
  createDocument as create,
  type DocumentChange,
  type NewDocument,
  deleteDocument as remove,
} from './model/document.ts'
import { DocumentInUse, LinkNotFound, TooManyLinks } from './model/failures.ts'
import { type Document, type DocumentLink, maxLinks } from './model/shapes.ts'
import { documentStore } from './store.ts'

const byOf = (ctx: Ctx): By => ({ actor: ctx.actor.id, at: ctx.now() })
type IfMatch = { ifMatch?: readonly string[] | undefined }

/** Store a document. @throws UriTaken (409); TextTooLarge, MetadataTooLarge (413) */
export const createDocument = (input: NewDocument, ctx: Ctx): Promise<Document> =>
  ctx.transact(async (tx) => {
    const { next, events } = create(ctx.newId(), input, byOf(ctx))
    await documentStore(tx).add(next)
    await ctx.emit(tx, events)
    return next
  })

export type ChangeDocument = Readonly<{ id: string; change: DocumentChange }> & IfMatch

/** Change any field of a document. @throws DocumentNotFound, UriTaken, DocumentReadOnly; Forbidden where it is linked */
export const updateDocument = ({ id, change, ifMatch }: ChangeDocument, ctx: Ctx): Promise<Document> =>
  ctx.transact(async (tx) => {
    const store = documentStore(tx)
    const now = await store.lock(id)
    assertIfMatch(ifMatch, String(now.revision))
    assertReadOnlyUnchanged(now, change)
    assertMayChange(await livePrompts(tx, id), ctx)
    const { next, events } = changeDocument(now, change, byOf(ctx))
    if (events.length > 0) await store.save(next)
    await ctx.emit(tx, events)
    return next
  })

/** Delete a document for good. @throws DocumentInUse (409) while prompts are linked to it, unless forced: then the links go too */
export const deleteDocument = (
  { id, force = false, ifMatch }: { id: string; force?: boolean | undefined } & IfMatch,
  ctx: Ctx,
): Promise<void> =>
  ctx.transact(async (tx) => {
    const store = documentStore(tx)
    const now = await store.lock(id)
    assertIfMatch(ifMatch, String(now.revision))
    const prompts = await livePrompts(tx, id)
    assertMayChange(prompts, ctx)
    if (prompts.length > 0 && !force) throw inUse(prompts, ctx)
    const events = remove(now, await store.linkedPrompts(id))
    await store.remove(id)
    await ctx.emit(tx, events)
  })

const livePrompts = async (tx: Db, id: string): Promise<Standee[]> => findStandings(tx, await documentStore(tx).linkedPrompts(id))

/** What a document says is part of every prompt that it is linked to. @throws Forbidden (403) */
function assertMayChange(prompts: readonly Standee[], ctx: Ctx): void {
  for (const category of new Set(prompts.map((prompt) => prompt.category))) assertMay(ctx.actor, 'documents:write', { category })
}

function inUse(prompts: readonly Standee[], { actor }: Ctx): AppError {
  const usedBy = prompts
    .filter(({ category }) => may(actor, 'prompts:read', { category }))
    .map(({ category, name }) => `${category}/${name}`)
    .sort()
    .slice(0, 20)
  return new AppError(
    DocumentInUse,
    `Prompts linked to it: ${prompts.length}. Unlink them first, or send ?force=true, which takes the links away too.`,
    { members: { usedBy } },
  )
}

type Place = { position?: number | undefined; note?: string | undefined }
export type LinkDocument = Readonly<{ id: string; documentId: string }> & Place

/**
 * Link a document to a prompt, or change what is said of the link; absent fields stay as they are.
 * @throws PromptNotFound, DocumentNotFound; Forbidden (403); TooManyLinks (409)
 */
export const linkDocument = ({ id: promptId, documentId, position, note }: LinkDocument, ctx: Ctx): Promise<DocumentLink> =>
  ctx.transact(async (tx) => {
    const store = documentStore(tx)
    await assertMayLink(tx, promptId, ctx)
    const links = await store.lockLinks(promptId)
    await store.hold(documentId)
    const before = links.find((link) => link.documentId === documentId) ?? null
    if (!before && links.length >= maxLinks)
      throw new AppError(TooManyLinks, `A prompt has ${maxLinks} documents at most. Take one away first, or put texts together.`)
    const { actor, at } = byOf(ctx)
    const said = { position: position ?? before?.position ?? 0, note: note ?? before?.note ?? '' }
    const after: DocumentLink = { promptId, documentId, ...said, linkedBy: actor, linkedAt: at }
    const events = changeLink(before, after)
    if (before && events.length === 0) return before
    await store.saveLink(after)
    await ctx.emit(tx, events)
    return after
  })

/** Take a link away; the document stays. @throws PromptNotFound, LinkNotFound; Forbidden (403) */
export const unlinkDocument = ({ id: promptId, documentId }: LinkDocument, ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    const store = documentStore(tx)
    await assertMayLink(tx, promptId, ctx)
    const link = (await store.lockLinks(promptId)).find((one) => one.documentId === documentId)
    if (!link) throw new AppError(LinkNotFound, `The document ${documentId} is not linked to this prompt.`)
    await store.removeLink(link)
    await ctx.emit(tx, changeLink(link, null))
  })

const assertMayLink = async (tx: Db, promptId: string, { actor }: Ctx): Promise<void> =>
  assertMay(actor, 'documents:write', { category: (await findVisible(tx, promptId, actor)).category })
