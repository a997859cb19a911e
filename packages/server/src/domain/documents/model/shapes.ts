import { type Static, Type } from 'typebox'
import { FreeJson, Id, Nullable, ShortText, Strict, Timestamp } from '../../../core/schemas.ts'

/** Bytes of UTF-8 that a document's text may have, and bytes of JSON that its metadata may. */
export const maxTextBytes = 1024 * 1024
export const maxMetadataBytes = 256 * 1024
/** Documents that a prompt may have. */
export const maxLinks = 100

export const Uri = Type.String({
  pattern: '^[\\u0021-\\u007e]+$',
  minLength: 1,
  maxLength: 2000,
  description: 'Where it is: a URI or a path, in printable ASCII (other characters are percent-encoded); unique in the workspace',
})
export const Title = ShortText('What it is called')
export const MediaType = Type.String({
  pattern: '^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( *;[\\u0020-\\u007e]*)?$',
  maxLength: 200,
  description: 'Of the document, such as text/markdown; text/plain without it',
})
export const Text = Type.String({ description: 'What it says, as text; up to 1 MiB' })
export const Metadata = FreeJson("The owner's own facts, up to 256 kB")

const facts = {
  id: Id,
  uri: Nullable(Uri),
  title: Title,
  mediaType: MediaType,
  textBytes: Type.Integer({ minimum: 0, description: 'Size of the text in UTF-8; 0 without one' }),
  metadata: Metadata,
  createdBy: Type.String(),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  revision: Type.Integer({ minimum: 1, description: 'Grows by one at each change; the ETag' }),
}
export const Document = Strict({ ...facts, text: Nullable(Text) }, { $id: 'Document' })
export type Document = Readonly<Static<typeof Document>>
/** A document in a list: without its text. */
export const DocumentItem = Strict(facts, { $id: 'DocumentItem' })
export type DocumentItem = Static<typeof DocumentItem>

export const Position = Type.Integer({
  minimum: 0,
  maximum: 1_000_000,
  description: 'Where it stands among the documents of the prompt, the lowest first; 0 without it',
})
export const Note = Type.String({ maxLength: 2000, description: 'What the prompt needs it for' })
const link = { position: Position, note: Note, linkedBy: Type.String(), linkedAt: Timestamp }

export const DocumentLink = Strict({ promptId: Id, documentId: Id, ...link }, { $id: 'DocumentLink' })
export type DocumentLink = Readonly<Static<typeof DocumentLink>>
export const LinkedDocument = Strict({ ...facts, ...link }, { $id: 'LinkedDocument' })
export type LinkedDocument = Static<typeof LinkedDocument>
export const LinkingPrompt = Strict({ id: Id, category: Type.String(), name: Type.String(), ...link }, { $id: 'LinkingPrompt' })
export type LinkingPrompt = Static<typeof LinkingPrompt>

const Tokens = Type.Integer({ minimum: 0, description: 'In the o200k_base encoding, counted piece by piece' })
/** The texts of a prompt's documents in one, for a model to read. */
export const Context = Strict(
  {
    text: Type.String({ description: 'Title and text of each document, in their order, with an empty line between' }),
    tokens: Tokens,
    maxTokens: Type.Integer(),
    truncated: Type.Boolean({ description: 'Not all of the texts had room' }),
    documents: Type.Array(
      Strict({
        id: Id,
        title: Title,
        uri: Nullable(Uri),
        tokens: Tokens,
        included: Type.Enum(['whole', 'cut', 'no_room', 'no_text'], { description: 'How much of it is in the text' }),
      }),
    ),
  },
  { $id: 'DocumentContext' },
)
export type Context = Static<typeof Context>
