import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../core/endpoint.ts'
import { PreconditionFailed } from '../../core/problem.ts'
import { Id, Nullable, PageOf, PageQuery, Strict } from '../../core/schemas.ts'
import { PromptNotFound } from '../prompts/index.ts'
import { createDocument, deleteDocument, linkDocument, unlinkDocument, updateDocument } from './commands.ts'
import {
  DocumentInUse,
  DocumentNotFound,
  DocumentReadOnly,
  LinkNotFound,
  MetadataTooLarge,
  TextTooLarge,
  TooManyLinks,
  UriTaken,
} from './model/failures.ts'
import {
  Context,
  Document,
  DocumentItem,
  DocumentLink,
  LinkedDocument,
  LinkingPrompt,
  MediaType,
  Metadata,
  Note,
  Position,
  Text,
  Title,
  Uri,
} from './model/shapes.ts'
import { documentContext, getDocument, listDocumentPrompts, listDocuments, listPromptDocuments } from './queries.ts'

/** Bodies that hold a text may be this large, in bytes. */
const textBody = 8 * 1024 * 1024
const DocumentId = Strict({ documentId: Id })
const Both = Strict({ id: Id, documentId: Id })
const unchanged = <S extends object>(schema: S) =>
  Type.Optional(Type.Unsafe<unknown>({ ...schema, description: 'Read-only: leave it out or send it back as it was' }))
const { properties } = Document
const etag = ({ revision }: Document) => String(revision)

const documents: AnyEndpoint[] = [
  endpoint({
    name: 'documents.list',
    method: 'GET',
    path: '/documents',
    access: 'documents:read',
    summary: 'List documents without their texts, newest first',
    query: Strict({
      q: Type.Optional(Type.String({ minLength: 1, maxLength: 400, description: 'Part of the title or the URI' })),
      uri: Type.Optional(Uri),
      mediaType: Type.Optional(MediaType),
      ...PageQuery,
    }),
    reply: PageOf(DocumentItem),
    handle: ({ query }, ctx) => listDocuments(query, ctx),
  }),
  endpoint({
    name: 'documents.create',
    method: 'POST',
    path: '/documents',
    access: 'documents:write',
    summary: 'Store a document: a text, an address, or both, that prompts can be linked to',
    body: Strict(
      {
        title: Title,
        uri: Type.Optional(Uri),
        mediaType: Type.Optional(MediaType),
        text: Type.Optional(Text),
        metadata: Type.Optional(Metadata),
      },
      { $id: 'CreateDocument' },
    ),
    bodyLimit: textBody,
    status: 201,
    reply: Document,
    errors: [UriTaken, TextTooLarge, MetadataTooLarge],
    etag,
    location: ({ id }) => `/documents/${id}`,
    handle: ({ body }, ctx) => createDocument(body, ctx),
  }),
  endpoint({
    name: 'documents.get',
    method: 'GET',
    path: '/documents/:documentId',
    access: 'documents:read',
    summary: 'Get a document with its text',
    params: DocumentId,
    reply: Document,
    errors: [DocumentNotFound],
    etag,
    handle: ({ params }, ctx) => getDocument({ id: params.documentId }, ctx),
  }),
  endpoint({
    name: 'documents.update',
    method: 'PUT',
    path: '/documents/:documentId',
    access: 'documents:write',
    summary: 'Change any field of a document; absent fields stay, null clears',
    params: DocumentId,
    body: Strict(
      {
        title: Type.Optional(Title),
        uri: Type.Optional(Nullable(Uri)),
        mediaType: Type.Optional(Nullable(MediaType)),
        text: Type.Optional(Nullable(Text)),
        metadata: Type.Optional(Nullable(Metadata)),
        id: unchanged(properties.id),
        textBytes: unchanged(properties.textBytes),
        createdBy: unchanged(properties.createdBy),
        createdAt: unchanged(properties.createdAt),
        updatedAt: unchanged(properties.updatedAt),
        revision: unchanged(properties.revision),
      },
      { $id: 'ChangeDocument' },
    ),
    bodyLimit: textBody,
    reply: Document,
    errors: [DocumentNotFound, UriTaken, TextTooLarge, MetadataTooLarge, DocumentReadOnly, PreconditionFailed],
    etag,
    handle: ({ params, body, ifMatch }, ctx) => updateDocument({ id: params.documentId, change: body, ifMatch }, ctx),
  }),
  endpoint({
    name: 'documents.delete',
    method: 'DELETE',
    path: '/documents/:documentId',
    access: 'documents:write',
    summary: 'Delete a document for good; refused while prompts are linked to it',
    params: DocumentId,
    query: Strict({ force: Type.Optional(Type.Boolean({ description: 'Take its links away too' })) }),
    errors: [DocumentNotFound, DocumentInUse, PreconditionFailed],
    handle: ({ params, query, ifMatch }, ctx) => deleteDocument({ id: params.documentId, ...query, ifMatch }, ctx),
  }),
  endpoint({
    name: 'documents.prompts',
    method: 'GET',
    path: '/documents/prompts',
    access: 'documents:read',
    summary: 'List the prompts that a document is linked to',
    query: Strict({ documentId: Type.Optional(Id), uri: Type.Optional(Uri), ...PageQuery }),
    reply: PageOf(LinkingPrompt),
    errors: [DocumentNotFound],
    handle: ({ query }, ctx) => listDocumentPrompts(query, ctx),
  }),
]

const links: AnyEndpoint[] = [
  endpoint({
    name: 'documents.ofPrompt',
    method: 'GET',
    path: '/prompts/:id/documents',
    access: 'documents:read',
    summary: 'List the documents of a prompt without their texts, by position',
    params: Strict({ id: Id }),
    query: Strict(PageQuery),
    reply: PageOf(LinkedDocument),
    errors: [PromptNotFound],
    handle: ({ params, query }, ctx) => listPromptDocuments({ ...params, ...query }, ctx),
  }),
  endpoint({
    name: 'documents.context',
    method: 'GET',
    path: '/prompts/:id/documents/context',
    access: 'documents:read',
    summary: "Get the texts of a prompt's documents in one, for a model to read, within a number of tokens",
    params: Strict({ id: Id }),
    query: Strict({
      maxTokens: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 100_000, description: 'How many tokens (o200k_base) it may take; 8000 without it' }),
      ),
    }),
    reply: Context,
    errors: [PromptNotFound],
    handle: ({ params, query }, ctx) => documentContext({ ...params, ...query }, ctx),
  }),
  endpoint({
    name: 'documents.link',
    method: 'PUT',
    path: '/prompts/:id/documents/:documentId',
    access: 'documents:write',
    summary: 'Link a document to a prompt, or change what is said of the link',
    params: Both,
    body: Strict({ position: Type.Optional(Position), note: Type.Optional(Note) }),
    reply: DocumentLink,
    errors: [PromptNotFound, DocumentNotFound, TooManyLinks],
    handle: ({ params, body }, ctx) => linkDocument({ ...params, ...body }, ctx),
  }),
  endpoint({
    name: 'documents.unlink',
    method: 'DELETE',
    path: '/prompts/:id/documents/:documentId',
    access: 'documents:write',
    summary: 'Take a document away from a prompt; the document stays',
    params: Both,
    errors: [PromptNotFound, LinkNotFound],
    handle: ({ params }, ctx) => unlinkDocument(params, ctx),
  }),
]

export const routes: AnyEndpoint[] = [...documents, ...links]
