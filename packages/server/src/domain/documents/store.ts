import { sql } from 'kysely'
import type { Db } from '../../core/db.ts'
import { AppError } from '../../core/errors.ts'
import { DocumentNotFound, UriTaken } from './model/failures.ts'
import type { Document, DocumentLink } from './model/shapes.ts'
import './tables.ts'

const columns = [
  'id',
  'uri',
  'title',
  'mediaType',
  'text',
  'textBytes',
  'metadata',
  'createdBy',
  'createdAt',
  'updatedAt',
  'revision',
] as const
const linkColumns = ['promptId', 'documentId', 'position', 'note', 'linkedBy', 'linkedAt'] as const

const stored = ({ metadata, ...facts }: Document) => ({ ...facts, metadata: JSON.stringify(metadata) })

/** @throws UriTaken (409) in place of the violated index */
async function withFreeUri(uri: string | null, work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if ((error as { constraint?: string }).constraint !== 'document_by_uri') throw error
    throw new AppError(UriTaken, `Another document has the URI "${uri}". Change that one, or choose another URI.`)
  }
}

/** SQL of the write side. */
export const documentStore = (tx: Db) => ({
  /** Lock a document until the transaction ends, against changes and new links. @throws DocumentNotFound */
  async lock(id: string): Promise<Document> {
    const row = await tx.selectFrom('document').select(columns).where('id', '=', id).forUpdate().executeTakeFirst()
    return row ?? missing(id)
  },

  /** Keep a document from being deleted until the transaction ends. @throws DocumentNotFound */
  async hold(id: string): Promise<void> {
    const row = await tx.selectFrom('document').select('id').where('id', '=', id).forKeyShare().executeTakeFirst()
    if (!row) missing(id)
  },

  /** @throws UriTaken (409) */
  add: (next: Document): Promise<void> => withFreeUri(next.uri, tx.insertInto('document').values(stored(next)).execute()),

  /** @throws UriTaken (409) */
  save: (next: Document): Promise<void> =>
    withFreeUri(next.uri, tx.updateTable('document').set(stored(next)).where('id', '=', next.id).execute()),

  /** The document with all its links. */
  async remove(id: string): Promise<void> {
    await tx.deleteFrom('documentLink').where('documentId', '=', id).execute()
    await tx.deleteFrom('document').where('id', '=', id).execute()
  },

  async linkedPrompts(documentId: string): Promise<string[]> {
    const rows = await tx.selectFrom('documentLink').select('promptId').where('documentId', '=', documentId).orderBy('promptId').execute()
    return rows.map(({ promptId }) => promptId)
  },

  /** The links of a prompt; who changes them waits until the transaction ends. */
  async lockLinks(promptId: string): Promise<DocumentLink[]> {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`documents of ${promptId}`}, 0))`.execute(tx)
    return tx.selectFrom('documentLink').select(linkColumns).where('promptId', '=', promptId).execute()
  },

  async saveLink(link: DocumentLink): Promise<void> {
    const { position, note, linkedBy, linkedAt } = link
    await tx
      .insertInto('documentLink')
      .values(link)
      .onConflict((c) => c.columns(['workspaceId', 'promptId', 'documentId']).doUpdateSet({ position, note, linkedBy, linkedAt }))
      .execute()
  },

  async removeLink({ promptId, documentId }: DocumentLink): Promise<void> {
    await tx.deleteFrom('documentLink').where('promptId', '=', promptId).where('documentId', '=', documentId).execute()
  },
})

function missing(id: string): never {
  throw new AppError(DocumentNotFound, `There is no document ${id}.`)
}
