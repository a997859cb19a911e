import type { Ctx } from '../../../core/context.ts'
import { variablesOf } from '../model/composition.ts'
import { renderComposition } from '../model/render.ts'
import { renderedChecksum, type ServedPrompt } from '../model/served.ts'
import { coerceTexts } from '../model/variables.ts'
import type { Served, Serving } from './serving.ts'

/** Gives values by the variables that are declared. */
export type Values = (declared: Parameters<typeof coerceTexts>[0]) => Readonly<Record<string, unknown>>

const varPrefix = 'var.'

/** The values that a query gives as `var.<name>`; undefined: none. */
export function valuesInQuery(query: Readonly<Record<string, unknown>>): Values | undefined {
  const given = Object.entries(query).filter(([key]) => key.startsWith(varPrefix))
  if (given.length === 0) return undefined
  const texts = Object.fromEntries(given.map(([key, text]) => [key.slice(varPrefix.length), String(text)]))
  return (declared) => coerceTexts(declared, texts)
}

/** A served prompt filled with values. @throws VariablesInvalid (422), TemplateLimit (422) */
export async function fillServed(store: Serving, { pointer, bytes }: Served, values: Values, ctx: Ctx): Promise<ServedPrompt> {
  const composition = await store.compose(pointer, ctx)
  const rendered = renderComposition(composition, values(variablesOf(composition)))
  return {
    ...(JSON.parse(bytes.toString()) as ServedPrompt),
    rendered: rendered.content,
    renderedChecksum: renderedChecksum(rendered),
  }
}
