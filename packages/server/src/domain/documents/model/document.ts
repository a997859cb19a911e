import { isDeepStrictEqual } from 'node:util'
import { Type } from 'typebox'
import { AppError, type FieldError } from '../../../core/errors.ts'
import { between, type DomainEvent, eventType } from '../../../core/events.ts'
import { Strict } from '../../../core/schemas.ts'
import { DocumentReadOnly, MetadataTooLarge, TextTooLarge } from './failures.ts'
import { type Document, type DocumentLink, maxMetadataBytes, maxTextBytes } from './shapes.ts'

const called = { title: Type.String(), uri: Type.Union([Type.String(), Type.Null()]) }
const promptId = Type.String()

const documentCreated = eventType('document.created', Strict(called), { description: 'A document was made', promptless: true })
const documentUpdated = eventType('document.updated', Strict({ ...called, fields: Type.Array(Type.String()) }), {
  description: 'A document was changed',
  promptless: true,
})
const documentDeleted = eventType('document.deleted', Strict(called), { description: 'A document was deleted', promptless: true })
const documentLinked = eventType('document.linked', Strict({ promptId }), {
  description: 'A document was linked to a prompt, or its link changed',
})
const documentUnlinked = eventType('document.unlinked', Strict({ promptId }), { description: 'A document is no longer linked to a prompt' })

/** Everything this context tells. */
export const documentEvents = [documentCreated, documentUpdated, documentDeleted, documentLinked, documentUnlinked]

const nameOf = ({ title, uri }: Document) => ({ title, uri })

/** Who does it, and when. */
export type By = Readonly<{ actor: string; at: string }>
export type NewDocument = Readonly<{
  uri?: string | undefined
  title: string
  mediaType?: string | undefined
  text?: string | undefined
  metadata?: Readonly<Record<string, unknown>> | undefined
}>

/** @throws TextTooLarge, MetadataTooLarge (413) */
function assertSizes({ textBytes, metadata }: Pick<Document, 'textBytes' | 'metadata'>): void {
  if (textBytes > maxTextBytes)
    throw new AppError(TextTooLarge, `The text has ${textBytes} bytes; ${maxTextBytes} are taken. Split it into several documents.`)
  const bytes = Buffer.byteLength(JSON.stringify(metadata))
  if (bytes > maxMetadataBytes)
    throw new AppError(MetadataTooLarge, `"metadata" has ${bytes} bytes as JSON; ${maxMetadataBytes} are taken.`)
}

const defaultMediaType = 'text/plain'
const sizeOf = (text: string | null): number => (text === null ? 0 : Buffer.byteLength(text))

/** A new document. Pure. @throws TextTooLarge, MetadataTooLarge (413) */
export function createDocument(id: string, input: NewDocument, by: By): { next: Document; events: DomainEvent[] } {
  const text = input.text ?? null
  const next: Document = {
    id,
    uri: input.uri ?? null,
    title: input.title,
    mediaType: input.mediaType ?? defaultMediaType,
    text,
    textBytes: sizeOf(text),
    metadata: input.metadata ?? {},
    createdBy: by.actor,
    createdAt: by.at,
    updatedAt: by.at,
    revision: 1,
  }
  assertSizes(next)
  return { next, events: between(null, next, [documentCreated(id, nameOf(next))]) }
}

/** Absent: as it is; null: none, or the default. */
export type DocumentChange = Readonly<{
  uri?: string | null | undefined
  title?: string | undefined
  mediaType?: string | null | undefined
  text?: string | null | undefined
  metadata?: Readonly<Record<string, unknown>> | null | undefined
}>

/** Change any field; what is sent as it is changes nothing. Pure. @throws TextTooLarge, MetadataTooLarge (413) */
export function changeDocument(
  now: Document,
  { uri, title, mediaType, text, metadata }: DocumentChange,
  by: By,
): { next: Document; events: DomainEvent[] } {
  const wanted: Partial<Document> = {
    ...(uri !== undefined && { uri }),
    ...(title !== undefined && { title }),
    ...(mediaType !== undefined && { mediaType: mediaType ?? defaultMediaType }),
    ...(text !== undefined && { text }),
    ...(metadata !== undefined && { metadata: metadata ?? {} }),
  }
  const fields = Object.keys(wanted).filter((field) => !isDeepStrictEqual(wanted[field as keyof Document], now[field as keyof Document]))
  if (fields.length === 0) return { next: now, events: [] }
  const changed: Document = { ...now, ...wanted, updatedAt: by.at, revision: now.revision + 1 }
  const next: Document = { ...changed, textBytes: sizeOf(changed.text) }
  assertSizes(next)
  return { next, events: between(now, next, [documentUpdated(next.id, { ...nameOf(next), fields })]) }
}

/** A document that is gone, and its links with it. */
export const deleteDocument = (now: Document, linkedTo: readonly string[]): DomainEvent[] => [
  ...linkedTo.flatMap((id) => between(now, now, [documentUnlinked(now.id, { promptId: id })])),
  ...between(now, null, [documentDeleted(now.id, nameOf(now))]),
]

/** A link that was made, changed (when `before` is another) or taken away (no `after`); its fingerprints are of the link. */
export function changeLink(before: DocumentLink | null, after: DocumentLink | null): DomainEvent[] {
  const place = ({ position, note }: DocumentLink) => [position, note]
  if (before && after && isDeepStrictEqual(place(before), place(after))) return []
  const { documentId, promptId: id } = (after ?? before)!
  return between(before, after, [(after ? documentLinked : documentUnlinked)(documentId, { promptId: id })])
}

/** Fields that GET shows and PUT cannot change: some never change, the others change with the document. */
const fixed = ['id', 'createdBy', 'createdAt'] as const
const moving = ['textBytes', 'updatedAt', 'revision'] as const

/**
 * What was read before the last change may be sent back as it was: its moving fields are old, not wrong.
 * @throws DocumentReadOnly (422) naming each read-only field that was sent with another value than it has
 */
export function assertReadOnlyUnchanged(now: Document, sent: Readonly<Record<string, unknown>>): void {
  const stale = Number.isInteger(sent.revision) && Number(sent.revision) >= 1 && Number(sent.revision) < now.revision
  const errors: FieldError[] = (stale ? fixed : [...fixed, ...moving])
    .filter((field) => sent[field] !== undefined && sent[field] !== now[field])
    .map((field) => ({
      pointer: `/${field}`,
      code: 'document.read_only',
      detail: `"${field}" cannot be changed; leave it out, or send it back as it was read.`,
    }))
  if (errors.length > 0) throw new AppError(DocumentReadOnly, errors.map(({ detail }) => detail).join(' '), { errors })
}
