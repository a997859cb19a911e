import { AppError, type FieldError } from '../../../core/errors.ts'
import { escapePointer } from '../../../core/json.ts'
import { type Composition, type Part, variablesOf } from './composition.ts'
import { isTextPart } from './content.ts'
import { TemplateLimit, VariablesInvalid } from './failures.ts'
import { Content, type Message } from './shapes.ts'
import { formatReference, type IncludeRef, RenderFailed, RenderLimit, type RenderOptions, type Template } from './templates/index.ts'
import { matchesSchema } from './value-schema.ts'
import { fillVariables } from './variables.ts'

export type Rendered = Readonly<{ content: Content; unused: readonly string[] }>

/**
 * Fill a composition with values.
 * @param strict values that nothing asks for are refused
 * @returns the text or messages without placeholders, and the names of values that were not used
 * @throws VariablesInvalid, TemplateLimit (422)
 */
export function renderComposition(composition: Composition, given: Readonly<Record<string, unknown>>, strict = false): Rendered {
  const { values } = fillVariables(variablesOf(composition), given, strict)
  const used = new Set<string>()
  try {
    const content = renderContent(composition, values, used)
    return { content, unused: Object.keys(given).filter((name) => !used.has(name)) }
  } catch (error) {
    if (error instanceof RenderLimit || error instanceof RenderFailed) throw new AppError(TemplateLimit, error.message)
    throw error
  }
}

function renderContent(composition: Composition, values: Readonly<Record<string, unknown>>, used: Set<string>): Content {
  const { body, templates } = composition.root.compiled
  const options = { used, include: includer(composition) } satisfies RenderOptions
  let next = 0
  const fill = () => templates[next++]!.render(values, options)
  if (typeof body.content === 'string') return fill()
  return body.content.flatMap((message): Message[] => {
    if ('placeholder' in message) {
      used.add(message.placeholder)
      return messagesOf(message.placeholder, values[message.placeholder])
    }
    if ('content' in message) return [{ ...message, content: fill() }]
    return [{ ...message, parts: message.parts.map((part) => (isTextPart(part) ? { ...part, text: fill() } : part)) }]
  })
}

/** The messages that a caller puts in place of a placeholder. @throws VariablesInvalid (422), naming each that is none */
function messagesOf(name: string, value: unknown): Message[] {
  if (value === undefined) return []
  const pointer = `/variables/${escapePointer(name)}`
  if (!Array.isArray(value)) throw wrongMessages([{ pointer, code: 'variable.wrong', detail: `"${name}" must be a list of messages.` }])
  const wrong = value.flatMap((message, i) => (isMessage(message) ? [] : [i]))
  if (wrong.length > 0)
    throw wrongMessages(
      wrong.map((i) => ({
        pointer: `${pointer}/${i}`,
        code: 'variable.wrong',
        detail: `"${name}" must hold messages: { role, content } or { role, parts }.`,
      })),
    )
  return value as Message[]
}

const isMessage = (value: unknown): boolean => matchesSchema(Content, [value]) && !Object.hasOwn(value as object, 'placeholder')
const wrongMessages = (errors: FieldError[]): AppError => new AppError(VariablesInvalid, errors[0]!.detail, { errors })

/** Each part finds what it includes among its own links: two parts may write the same reference and mean different prompts. */
function includer({ root, parts }: Composition): NonNullable<RenderOptions['include']> {
  const made = new Map<Part, Template>()
  const partOf = new Map<Template, Part>()
  return (ref: IncludeRef, from) => {
    const including = from === undefined ? root : partOf.get(from)
    const key = including?.links.get(formatReference(ref))
    const part = key === undefined ? undefined : parts.get(key)
    if (!part) return undefined
    // Equal bodies share their templates, so each part gets one of its own to be known by.
    const template = made.get(part) ?? { ...part.compiled.templates[0]! }
    made.set(part, template)
    partOf.set(template, part)
    return template
  }
}
