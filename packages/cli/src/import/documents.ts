import type { Content, CreatePrompt } from '@prompt-store/sdk'
import { parse } from 'yaml'
import { detect } from './detect.ts'
import { contentOf, type Row, RowError, rowOf } from './rows.ts'

type FrontMatter = Record<string, unknown>
const frontMatter = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)(?:^|\n)---[ \t]*(?:\r?\n|$)/

/** Markdown: front matter gives the facts, all that follows it is the content. */
export function markdownRow(text: string, fileName: string): Row {
  const { facts, body } = split(text)
  return rowOf({ ...facts, title: facts.title ?? facts.name ?? fileName, content: body })
}

export const hasFrontMatter = (text: string): boolean => frontMatter.test(text)

/**
 * Dotprompt: the model and its parameters become `config`, the input schema the variables; `{{role "…"}}` and
 * `{{history}}` make it a chat.
 */
export function dotpromptRow(text: string, fileName: string): Row {
  const { facts, body } = split(text)
  const { name, variant, description, model, config, tools, input, output, category, tags, ...rest } = facts
  const title = typeof name === 'string' && name !== '' ? [name, variant].filter(Boolean).join('.') : fileName
  const content = messagesOf(contentOf(body))
  const engine = typeof content === 'string' ? detect(content).engine : chatEngine(content)
  const kept = {
    ...(model !== undefined && { model }),
    ...(config !== undefined && { parameters: config }),
    ...(tools !== undefined && { tools }),
    ...(output !== undefined && { output }),
  }
  const row = rowOf({ ...rest, title, category, description, tags, content })
  return { ...row, fields: { ...row.fields, engine, config: kept, ...(engine !== 'none' && { variables: variablesOf(input) }) } }
}

function split(text: string): { facts: FrontMatter; body: string } {
  const found = frontMatter.exec(text)
  if (!found) return { facts: {}, body: text }
  let facts: unknown
  try {
    facts = parse(found[1] ?? '')
  } catch (error) {
    throw new RowError(`bad front matter: ${(error as Error).message.split('\n')[0]}`)
  }
  if (facts !== null && (typeof facts !== 'object' || Array.isArray(facts))) throw new RowError('the front matter is no list of fields')
  return { facts: (facts ?? {}) as FrontMatter, body: text.slice(found[0].length) }
}

const marker = /\{\{\s*(?:role\s+["'](\w+)["']|(history))\s*\}\}/g

function messagesOf(body: Content): Content {
  if (typeof body !== 'string' || body.search(marker) === -1) return body
  const messages: Exclude<Content, string> = []
  let role = 'user'
  let from = 0
  const add = (until: number) => {
    const content = body.slice(from, until).trim()
    if (content !== '') messages.push({ role, content })
  }
  for (const found of body.matchAll(marker)) {
    add(found.index)
    from = found.index + found[0].length
    if (found[2]) messages.push({ placeholder: 'history' })
    role = found[1] ?? 'user'
  }
  add(body.length)
  return messages
}

/** Messages share one engine: the least that any of them allows. */
function chatEngine(messages: Exclude<Content, string>): 'mustache' | 'none' {
  return messages.every((message) => !('content' in message) || detect(message.content).engine === 'mustache') ? 'mustache' : 'none'
}

type Variables = NonNullable<CreatePrompt['variables']>
type VariableType = NonNullable<Variables[number]['type']>
const types: readonly string[] = ['string', 'number', 'integer', 'boolean', 'array', 'object', 'any']

/** The variables of `input.schema` (JSON Schema, or Picoschema) and `input.default`. */
function variablesOf(input: unknown): Variables {
  const { schema, default: defaults } = recordOf(input)
  const { type, properties, required } = recordOf(schema)
  const values = recordOf(defaults)
  const named = type === 'object' && properties !== undefined
  return Object.entries(named ? recordOf(properties) : recordOf(schema)).map(([key, form]) => {
    const variable = named ? ofJsonSchema(key, recordOf(form), Array.isArray(required) && required.includes(key)) : ofPicoschema(key, form)
    return { ...variable, ...(Object.hasOwn(values, variable.name) && { default: values[variable.name], required: false }) }
  })
}

const recordOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}

const typeOf = (name: unknown): VariableType => (types.includes(String(name)) ? (name as VariableType) : 'any')

function ofJsonSchema(name: string, schema: Record<string, unknown>, required: boolean): Variables[number] {
  const { type, description, enum: allowed } = schema
  return {
    name,
    type: typeOf(type),
    required,
    schema,
    ...(typeof description === 'string' && { description }),
    ...(Array.isArray(allowed) && { enum: allowed }),
  }
}

/** `name?: string, what it is` · `name(array, what it is): string` · `name(enum, what it is): [a, b]`. */
function ofPicoschema(key: string, form: unknown): Variables[number] {
  const [, name = key, optional, kind, about] = /^([^?(]+)(\?)?(?:\(\s*(\w+)\s*(?:,\s*([^)]*))?\))?$/.exec(key) ?? []
  const [scalar, ...words] = typeof form === 'string' ? form.split(',') : []
  const description = (about ?? words.join(',')).trim()
  const allowed = kind === 'enum' && Array.isArray(form) ? { enum: form } : {}
  const type = kind === 'enum' ? 'any' : kind === undefined ? typeOf(scalar === undefined ? 'object' : scalar.trim()) : typeOf(kind)
  return { name, type, required: optional === undefined, ...(description && { description }), ...allowed }
}
