import { AppError, isAppError } from '../../../core/errors.ts'
import { unprocessable } from '../../../core/problem.ts'
import { ConfigTooLarge, ContentInvalid, ContentTooLarge, TemplateBroken } from './failures.ts'
import type { Body, Content, Engine, Message, VariableInput } from './shapes.ts'
import { detectEngine, type IncludeRef, parseTemplate, type Template, TemplateInvalid, type VariableUse } from './templates/index.ts'
import { completeVariables } from './variables.ts'

/** Bytes of UTF-8; a chat counts as its JSON. */
const maxContentBytes = 1024 * 1024
const maxConfigBytes = 256 * 1024

export type Warning = Readonly<{ code: string; detail: string }>

/** The texts of a content that are templates, with where they stand. */
export function templateTexts(content: Content): { pointer: string; text: string }[] {
  if (typeof content === 'string') return [{ pointer: '/content', text: content }]
  return content.flatMap((message, i) => {
    if ('content' in message) return [{ pointer: `/content/${i}/content`, text: message.content }]
    if ('parts' in message)
      return message.parts.flatMap((part, j) => (isTextPart(part) ? [{ pointer: `/content/${i}/parts/${j}/text`, text: part.text }] : []))
    return []
  })
}

type TextPart = { type: 'text'; text: string }
export const isTextPart = (part: { type: string }): part is TextPart =>
  part.type === 'text' && typeof (part as { text?: unknown }).text === 'string'

/** All text of a content, for search, tokens and diffs. */
export const plainText = (content: Content): string =>
  typeof content === 'string'
    ? content
    : content.map((m) => ('placeholder' in m ? `[${m.placeholder}]` : `${m.role}: ${messageText(m)}`)).join('\n')

const messageText = (message: Exclude<Message, { placeholder: string }>): string =>
  'content' in message ? message.content : message.parts.map((part) => (isTextPart(part) ? part.text : JSON.stringify(part))).join('\n')

export type Parsed = Readonly<{
  templates: readonly Template[]
  uses: readonly VariableUse[]
  includes: readonly IncludeRef[]
  placeholders: readonly string[]
}>

/** Parse every text of a content, in order. @throws TemplateBroken (422) with the place */
export function parseContent(engine: Engine, content: Content): Parsed {
  const templates = templateTexts(content).map(({ pointer, text }) => parseAt(engine, pointer, text))
  return {
    templates,
    uses: templates.flatMap((t) => t.uses),
    includes: templates.flatMap((t) => t.includes),
    placeholders: typeof content === 'string' ? [] : content.flatMap((m) => ('placeholder' in m ? [m.placeholder] : [])),
  }
}

function parseAt(engine: Engine, pointer: string, text: string): Template {
  try {
    return parseTemplate(engine, text)
  } catch (error) {
    if (!(error instanceof TemplateInvalid)) throw error
    throw unprocessable(
      TemplateBroken,
      pointer,
      'template.invalid',
      `${error.detail} Mend the template, or send "engine": "none" to keep the text as it is.`,
    )
  }
}

export type BodyInput = Readonly<{
  type?: Body['type'] | undefined
  engine?: Engine | undefined
  content: Content
  variables?: readonly VariableInput[] | undefined
  config?: Body['config'] | undefined
}>

/** A body, with what was found in its text. */
export type MadeBody = Readonly<{ body: Body; includes: readonly IncludeRef[]; warnings: readonly Warning[] }>

/**
 * Make a version's body of what a caller sent: engine detected when it is not named, variables completed by those the
 * content uses.
 * @throws ContentTooLarge (413), ContentInvalid, TemplateBroken, VariablesInvalid (422)
 */
export function makeBody(input: BodyInput): MadeBody {
  const { content } = input
  assertSizes(input)
  const type = typeof content === 'string' ? 'text' : 'chat'
  if (input.type !== undefined && input.type !== type)
    throw unprocessable(
      ContentInvalid,
      '/type',
      'content.type',
      `A prompt of type ${input.type} has ${input.type === 'chat' ? 'a list of messages' : 'a string'} as its content.`,
    )
  const { engine, parsed, warnings } = input.engine
    ? { engine: input.engine, parsed: parseContent(input.engine, content), warnings: [] }
    : chooseEngine(content)
  const variables = completeVariables(input.variables ?? [], parsed)
  return { body: { type, engine, content, variables, config: input.config ?? {} }, includes: parsed.includes, warnings }
}

/** Mustache when every text parses as it, else `none`, said in a warning. */
function chooseEngine(content: Content): { engine: Engine; parsed: Parsed; warnings: Warning[] } {
  try {
    return { engine: 'mustache', parsed: parseContent('mustache', content), warnings: [] }
  } catch (error) {
    if (!isAppError(error, TemplateBroken)) throw error
    const reasons = templateTexts(content).map(({ text }) => detectEngine(text))
    const reason = reasons.find(({ engine }) => engine === 'none')!.reason
    const detail = `The content does not parse as mustache (${reason}), so it is kept as plain text (engine none).`
    return { engine: 'none', parsed: parseContent('none', content), warnings: [{ code: 'template.stored_as_none', detail }] }
  }
}

function assertSizes({ content, config, variables }: BodyInput): void {
  const bytes = Buffer.byteLength(typeof content === 'string' ? content : JSON.stringify(content))
  if (bytes > maxContentBytes)
    throw new AppError(ContentTooLarge, `The content has ${bytes} bytes; ${maxContentBytes} are taken. Split it, and include the parts.`)
  assertObjectSize('config', config)
  assertObjectSize('variables', variables)
}

/** @throws ConfigTooLarge (413) when the JSON of a free object exceeds 256 kB */
export function assertObjectSize(name: string, value: unknown): void {
  if (value === undefined || value === null) return
  const bytes = Buffer.byteLength(JSON.stringify(value))
  if (bytes > maxConfigBytes) throw new AppError(ConfigTooLarge, `"${name}" has ${bytes} bytes as JSON; ${maxConfigBytes} are taken.`)
}
