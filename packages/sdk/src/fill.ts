import type { Content, ServedPrompt } from './types.ts'

export type Values = Readonly<Record<string, unknown>>

const plainTag = /(?<!\{)\{\{\s*([\p{L}_][\p{L}\p{M}\p{N}_-]*)\s*\}\}(?!\})/gu

/**
 * Fill a prompt while the service cannot: only where there is no doubt about what it would answer, which is plain
 * `{{name}}` tags with a text, number or boolean for each. Undefined for everything else.
 */
export function fillPlain(
  { engine, content, variables }: Pick<ServedPrompt, 'engine' | 'content' | 'variables'>,
  values: Values,
): string | undefined {
  if (typeof content !== 'string') return undefined
  if (engine === 'none') return content
  if (engine !== 'mustache' || content.replace(plainTag, '').includes('{{')) return undefined
  const defaults = new Map(variables.map((variable) => [variable.name, variable]))
  let complete = true
  const filled = content.replace(plainTag, (_tag, name: string) => {
    const value = givenValue(values, name) ?? defaults.get(name)?.default
    const { enum: allowed, schema, type = 'string' } = defaults.get(name) ?? {}
    if (!isOf(type, value) || allowed || schema) complete = false
    return String(value)
  })
  return complete ? filled : undefined
}

/** The fallback of the caller's code: tags that have a value are filled, the rest stays as it is. */
export function fillFallback(fallback: Content, values: Values | undefined): Content {
  if (typeof fallback !== 'string' || !values) return fallback
  return fallback.replace(plainTag, (tag, name: string) => {
    const value = givenValue(values, name)
    return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : tag
  })
}

const givenValue = (values: Values, name: string): unknown => (Object.hasOwn(values, name) ? values[name] : undefined)

function isOf(type: string, value: unknown): boolean {
  if (type === 'integer') return Number.isSafeInteger(value)
  if (type === 'any') return ['string', 'number', 'boolean'].includes(typeof value)
  return ['string', 'number', 'boolean'].includes(type) && typeof value === type
}
