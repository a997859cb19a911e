import type { Ctx } from '../../../core/context.ts'
import { variablesOf } from '../model/composition.ts'
import { renderComposition } from '../model/render.ts'
import { renderedChecksum, type ServedPrompt } from '../model/served.ts'
import { coerceTexts, type Values } from '../model/variables.ts'
import type { Served, Serving } from './serving.ts'

type Query = Readonly<Record<string, unknown>>

/** What a query says under a prefix, as texts. */
const textsUnder = (prefix: string, query: Query): Record<string, string> =>
  Object.fromEntries(
    Object.entries(query).flatMap(([key, text]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), String(text)]] : [])),
  )

/** The values that a query gives as `var.<name>`; undefined: none. */
export function valuesInQuery(query: Query): Values | undefined {
  const texts = textsUnder('var.', query)
  return Object.keys(texts).length === 0 ? undefined : (declared) => coerceTexts(declared, texts)
}

/** What a query says of a unit as `attr.<name>`. */
export const attributesInQuery = (query: Query): Readonly<Record<string, string>> => textsUnder('attr.', query)

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
