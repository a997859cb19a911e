import { isUtf8 } from 'node:buffer'
import { type Static, type TSchema, Type } from 'typebox'
import { AppError } from '../../../core/errors.ts'
import { compile } from '../../../core/http/validation.ts'
import { parseJson } from '../../../core/json.ts'
import { RequestInvalid } from '../../../core/problem.ts'
import { Id, Strict } from '../../../core/schemas.ts'
import { ChangePrompt, CreatePrompt } from '../../prompts/index.ts'

/** A single item as it must be; each is looked at by itself. */
const reader = <S extends TSchema>(schema: S) => {
  const wrongIn = compile(schema, 'body')
  /** @throws RequestMalformed, RequestInvalid (400), TextUnstorable, NestingTooDeep (422), with pointers into the item */
  return (payload: string): Static<S> => {
    const item = parseJson(Buffer.from(payload), isUtf8)
    const errors = wrongIn(item)
    if (errors.length > 0) throw new AppError(RequestInvalid, `${errors[0]!.pointer || 'The item'}: ${errors[0]!.detail}`, { errors })
    return item as Static<S>
  }
}

export const readCreate = reader(CreatePrompt)
export const readUpdate = reader(Strict({ ...ChangePrompt.properties, id: Id }))
export const readDelete = reader(Strict({ id: Id, force: Type.Optional(Type.Boolean()) }))
export const readTag = reader(Strict({ id: Id }))
