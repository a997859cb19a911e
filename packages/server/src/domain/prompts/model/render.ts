import { AppError } from '../../../core/errors.ts'
import { isTextPart, parseContent } from './content.ts'
import { TemplateLimit } from './failures.ts'
import type { Edge } from './includes.ts'
import type { Body, Content, ManifestEntry, Message, Variable } from './shapes.ts'
import { formatReference, type IncludeRef, RenderFailed, RenderLimit, type RenderOptions, type Template } from './templates/index.ts'
import { type Filled, fillVariables } from './variables.ts'

/** A version with its templates, parsed once. */
export type Compiled = Readonly<{ body: Body; templates: readonly Template[] }>

export const compileBody = (body: Body): Compiled => ({ body, templates: parseContent(body.engine, body.content).templates })

/** A served version and, by reference, what it includes. */
export type Composition = Readonly<{ entry: ManifestEntry; compiled: Compiled; includes: readonly Readonly<{ edge: Edge; target: Composition }>[] }>

/** All prompts of a composition, itself first, each version once. */
export function manifestOf(composition: Composition): ManifestEntry[] {
  const entries = new Map<string, ManifestEntry>()
  const visit = ({ entry, includes }: Composition) => {
    entries.set(`${entry.promptId}@${entry.version}`, entry)
    for (const { target } of includes) visit(target)
  }
  visit(composition)
  return [...entries.values()]
}

/** The variables of a composition: its own first; what it includes adds those that it does not declare itself. */
export function variablesOf({ compiled, includes }: Composition): Variable[] {
  const variables = new Map(compiled.body.variables.map((v) => [v.name, v]))
  for (const { target } of includes) for (const v of variablesOf(target)) if (!variables.has(v.name)) variables.set(v.name, v)
  return [...variables.values()]
}

export type Rendered = Readonly<{ content: Content; unused: readonly string[] }>

/**
 * Fill a composition with values.
 * @param strict values that nothing asks for are refused
 * @returns the text or messages without placeholders, and the names of values that were not used
 * @throws VariablesInvalid, TemplateLimit (422)
 */
export function renderComposition(composition: Composition, given: Readonly<Record<string, unknown>>, strict = false): Rendered {
  const filled = fillVariables(variablesOf(composition), given, strict)
  const used = new Set<string>()
  try {
    const content = renderContent(composition, filled, used)
    return { content, unused: Object.keys(given).filter((name) => !used.has(name)) }
  } catch (error) {
    if (error instanceof RenderLimit || error instanceof RenderFailed) throw new AppError(TemplateLimit, error.message)
    throw error
  }
}

function renderContent(composition: Composition, { values }: Filled, used: Set<string>): Content {
  const { body, templates } = composition.compiled
  const options = optionsFor(composition, used)
  let next = 0
  const fill = () => templates[next++]!.render(values, options)
  if (typeof body.content === 'string') return fill()
  return body.content.flatMap((message): Message[] => {
    if ('placeholder' in message) {
      used.add(message.placeholder)
      return messagesOf(values[message.placeholder])
    }
    if ('content' in message) return [{ ...message, content: fill() }]
    return [{ ...message, parts: message.parts.map((part) => (isTextPart(part) ? { ...part, text: fill() } : part)) }]
  })
}

const messagesOf = (value: unknown): Message[] => (Array.isArray(value) ? (value as Message[]) : [])

/** An included template finds its own includes among those of the prompt it belongs to. */
function optionsFor(composition: Composition, used: Set<string>): RenderOptions {
  const byReference = new Map<string, Template>()
  const collect = ({ includes }: Composition) => {
    for (const { edge, target } of includes) {
      if (!byReference.has(edge.reference)) byReference.set(edge.reference, target.compiled.templates[0]!)
      collect(target)
    }
  }
  collect(composition)
  return { used, include: (ref: IncludeRef) => byReference.get(formatReference(ref)) }
}
