import { isDeepStrictEqual } from 'node:util'

/** A variable, as far as its callers are concerned. */
export type Asked = Readonly<{
  name: string
  type: 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object' | 'any'
  required: boolean
  default?: unknown
  enum?: readonly unknown[]
  schema?: Readonly<Record<string, unknown>>
}>

/** One way in which a call that was good is good no longer. */
export type Difference = Readonly<{
  variable: string
  kind: 'required_added' | 'became_required' | 'type_narrowed' | 'enum_narrowed' | 'schema_changed'
  detail: string
}>

const isNeeded = ({ required, default: fallback }: Asked): boolean => required && fallback === undefined

/** Whether every value of one type is one of the other. */
const covers = (wide: Asked['type'], narrow: Asked['type']): boolean =>
  wide === narrow || wide === 'any' || (wide === 'number' && narrow === 'integer')

/**
 * What of a version breaks callers that fill it as they filled the one before: who sent what the one before asked for must
 * be served by the next. Variables that fall away, become optional or take more than before break nobody.
 * @returns none: every call that was good is good
 */
export function differencesOf(before: readonly Asked[], after: readonly Asked[]): Difference[] {
  const known = new Map(before.map((variable) => [variable.name, variable]))
  return after.flatMap((variable) => {
    const earlier = known.get(variable.name)
    if (earlier) return narrowed(earlier, variable)
    const detail = `"${variable.name}" (${variable.type}) is needed now, and callers do not send it. Give it a default, or make it optional.`
    return isNeeded(variable) ? [{ variable: variable.name, kind: 'required_added' as const, detail }] : []
  })
}

function narrowed(before: Asked, after: Asked): Difference[] {
  const variable = after.name
  const found: Difference[] = []
  if (isNeeded(after) && !isNeeded(before))
    found.push({ variable, kind: 'became_required', detail: `"${variable}" may be left out by callers, and is needed now.` })
  if (!covers(after.type, before.type))
    found.push({ variable, kind: 'type_narrowed', detail: `"${variable}" was of type ${before.type}, and takes ${after.type} alone now.` })
  const missing = lostValues(before, after)
  if (missing) found.push({ variable, kind: 'enum_narrowed', detail: `"${variable}" takes ${missing} no longer.` })
  if (after.schema && !isDeepStrictEqual(after.schema, before.schema))
    found.push({
      variable,
      kind: 'schema_changed',
      detail: `"${variable}" has ${before.schema ? 'another' : 'a'} schema now, which may refuse what callers send.`,
    })
  return found
}

/** What may be sent no longer, as words; undefined: everything still may. */
function lostValues({ enum: before }: Asked, { enum: after }: Asked): string | undefined {
  if (!after) return undefined
  if (!before) return 'any value but those of its new enum'
  const kept = new Set(after.map((value) => JSON.stringify(value))) // compared as values are when a prompt is filled
  const lost = before.filter((value) => !kept.has(JSON.stringify(value)))
  if (lost.length === 0) return undefined
  return lost
    .map((value) => JSON.stringify(value))
    .join(', ')
    .slice(0, 300)
}
