import { errorKind } from '../../../core/errors.ts'

export const DocumentNotFound = errorKind({ code: 'document.not_found', status: 404, title: 'No such document' })
export const LinkNotFound = errorKind({ code: 'document.not_linked', status: 404, title: 'The document is not linked to this prompt' })
export const UriTaken = errorKind({ code: 'document.uri_taken', status: 409, title: 'Another document has this URI' })
export const DocumentInUse = errorKind({ code: 'document.in_use', status: 409, title: 'Prompts are linked to the document' })
export const TooManyLinks = errorKind({ code: 'document.too_many_links', status: 409, title: 'The prompt has as many documents as it can' })
export const TextTooLarge = errorKind({ code: 'document.text_too_large', status: 413, title: 'The text is larger than 1 MiB' })
export const MetadataTooLarge = errorKind({ code: 'document.metadata_too_large', status: 413, title: 'The metadata is larger than 256 kB' })
export const DocumentReadOnly = errorKind({ code: 'document.read_only', status: 422, title: 'This field of a document cannot be changed' })
