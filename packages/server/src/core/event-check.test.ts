import { describe, expect, test } from 'vitest'
import { eventCheck } from './event-check.ts'
import { eventType } from './events.ts'
import { Strict } from './schemas.ts'

describe('in tests what is told', () => {
  const thing = eventType('thing.made', Strict({}), { description: 'A thing was made' })
  const check = eventCheck(() => [thing])

  test('must be of a type that a module lists', () => {
    expect(() => check([thing('id', {})])).not.toThrow()
    expect(() => check([{ type: 'thing.lost', subject: 'id', data: {} }])).toThrow('no module lists')
  })

  test('must have the data that its schema allows', () =>
    expect(() => check([{ type: 'thing.made', subject: 'id', data: { more: 1 } }])).toThrow('schema does not allow'))

  test('is anything, where callers make the events', () =>
    expect(() => check([{ type: 'custom.anything', subject: 'id', data: { more: 1 } }])).not.toThrow())
})
