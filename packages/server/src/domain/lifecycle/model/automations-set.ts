import { hash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { AppError, type FieldError } from '../../../core/errors.ts'
import type { Rule } from './automations.ts'
import { AutomationInvalid, AutomationNameTaken } from './automations-failures.ts'

type Sent = Readonly<{ id?: unknown; name: string }>
type Known = Readonly<{ id: string; rule: Rule }>

/**
 * Which rule that is there each sent one is: that of its id, or else that of its name, so that ids stay.
 * @returns for each sent one its rule; undefined for a new one
 * @throws AutomationNameTaken, AutomationInvalid (422)
 */
export function matchRules<K extends Known>(known: readonly K[], sent: readonly Sent[]): (K | undefined)[] {
  const errors: FieldError[] = []
  const ids = new Set(sent.map(({ id }) => id))
  const matched = sent.map(({ id, name }, i) => {
    if (sent.findIndex((other) => other.name === name) < i || (id !== undefined && sent.findIndex((other) => other.id === id) < i))
      errors.push({ pointer: `/items/${i}/name`, code: 'automation.twice', detail: `"${name}" stands in the list twice.` })
    if (id === undefined) return known.find((one) => one.rule.name === name && !ids.has(one.id))
    const found = known.find((one) => one.id === id)
    if (!found)
      errors.push({ pointer: `/items/${i}/id`, code: 'automation.id', detail: 'There is no automation of this id. A new one has none.' })
    return found
  })
  if (errors.length === 0) return matched
  const kind = errors.some(({ code }) => code === 'automation.twice') ? AutomationNameTaken : AutomationInvalid
  throw new AppError(kind, errors.map(({ detail }) => detail).join(' '), { errors })
}

/** Whether saving would change anything. */
export const isSame = (a: Rule, b: Rule): boolean => isDeepStrictEqual(a, b)

/** The entity tag of all rules together. */
export const tagOf = (rules: readonly Readonly<{ id: string; revision: number }>[]): string =>
  hash('sha256', rules.map(({ id, revision }) => `${id} ${revision}`).join('\n')).slice(0, 32)
