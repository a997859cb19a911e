import type { DomainEvent, ListedEvent } from './events.ts'
import { compile } from './http/validation.ts'

/**
 * For tests: whether events are what contexts have declared. @param listed the types that modules list
 * @returns a check that throws for an event of a type that no module lists, and for data that its schema does not allow
 */
export function eventCheck(listed: () => readonly ListedEvent[]): (events: readonly DomainEvent[]) => void {
  let validators: ReadonlyMap<string, ReturnType<typeof compile>> | undefined
  const validatorOf = (type: string) => {
    validators ??= new Map(listed().map((known) => [known.type, compile(known.schema, 'body')]))
    return validators.get(type)
  }
  return (events) => {
    for (const { type, data } of events) {
      const known = type.startsWith('custom.') ? () => [] : validatorOf(type)
      if (!known) throw new Error(`the event ${type} is told, but no module lists it in its "events"`)
      const wrong = known(JSON.parse(JSON.stringify(data)))
      if (wrong.length > 0) throw new Error(`the event ${type} is told with data that its schema does not allow: ${JSON.stringify(wrong)}`)
    }
  }
}
