import { type Static, type TProperties, type TSchema, type TSchemaOptions, Type } from 'typebox'

/** An object that refuses unknown fields, so that a typo never passes silently. */
export const Strict = <P extends TProperties>(properties: P, options: TSchemaOptions = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options })

export const Nullable = <S extends TSchema>(schema: S, options: TSchemaOptions = {}) => Type.Union([schema, Type.Null()], options)

/** The pattern of an id in lower-case canonical form. */
export const Id = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  description: 'UUIDv7',
})
export const Timestamp = Type.String({ description: 'RFC 3339, UTC, with milliseconds' })

/** Categories, names and tags: 1 to 200 characters, none of them a control character. */
export const ShortText = (description: string) =>
  Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$', description })

/** Free JSON: kept and given back as it came, but for the order of its keys. */
export const FreeJson = (description: string) => Type.Record(Type.String(), Type.Unknown(), { description })

export const PageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, description: 'How many items, 1 to 200 (more is taken as 200); 50 without it' })),
  cursor: Type.Optional(Type.String({ maxLength: 4096, description: 'Opaque; `nextCursor` of the page before' })),
  includeTotal: Type.Optional(Type.Boolean({ description: 'Also count all items: `total`' })),
}
export type PageQuery = Static<ReturnType<typeof pageQuery>>
const pageQuery = () => Type.Object(PageQuery)

export const PageOf = <S extends TSchema>(item: S) =>
  Strict({
    items: Type.Array(item),
    nextCursor: Nullable(Type.String(), { description: 'Send it as `cursor` for the next page; null on the last' }),
    total: Type.Optional(Type.Integer({ minimum: 0, description: 'With `includeTotal=true` only' })),
  })
export type Page<T> = { items: T[]; nextCursor: string | null; total?: number }
