import type { Content, CreatePrompt } from '@prompt-store/sdk'

type Fields = Pick<CreatePrompt, 'description' | 'tags' | 'engine' | 'variables' | 'config' | 'isTemplate'>

/** One prompt of a source, whatever its format was. `rest` is all that has no place of its own. */
export type Row = Readonly<{
  title: string
  category: string | undefined
  content: Content
  fields: Readonly<Fields>
  rest: Readonly<Record<string, unknown>>
}>

/** Why a row cannot be taken. */
export class RowError extends Error {}

/** A line of JSON as an object. @throws RowError */
export function parseRow(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new RowError(`bad JSON: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new RowError('the line is not a JSON object')
  return value as Record<string, unknown>
}

/** A row of a file of prompts: `title` (or `name`) and `content` are needed, the rest is kept. @throws RowError */
export function rowOf(given: Readonly<Record<string, unknown>>): Row {
  const { title, name, category, description, content, tags, ...others } = given
  const called = title ?? name
  if (typeof called !== 'string' || called === '') throw new RowError('title is missing')
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
  return {
    title: called,
    category: isText(category) ? category : undefined,
    content: contentOf(content),
    fields: { ...(isText(description) && { description }), ...(Array.isArray(tags) && { tags: tags as string[] }) },
    rest: {
      ...others,
      ...(title !== undefined && name !== undefined && { name }),
      ...unplaced('category', category, isText(category)),
      ...unplaced('description', description, typeof description === 'string'),
      ...unplaced('tags', tags, Array.isArray(tags)),
    },
  }
}

const unplaced = (key: string, value: unknown, placed: boolean) =>
  placed || value === undefined || value === null || value === '' ? {} : { [key]: value }

/** @throws RowError */
export function contentOf(content: unknown): Content {
  if (content === undefined || content === null) throw new RowError('content is missing')
  if (content === '' || (Array.isArray(content) && content.length === 0)) throw new RowError('content is empty')
  if (typeof content !== 'string' && !Array.isArray(content)) throw new RowError('content is neither a text nor a list of messages')
  return content as Content
}
