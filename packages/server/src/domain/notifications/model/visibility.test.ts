import { Type } from 'typebox'
import { describe, expect, test } from 'vitest'
import type { Limit, Principal } from '../../../core/access.ts'
import { eventType } from '../../../core/events.ts'
import { Strict } from '../../../core/schemas.ts'
import { visibilityOf } from './visibility.ts'

const types = [
  eventType('prompt.updated', Strict({ category: Type.String() }), { description: 'Changed' }),
  eventType('document.linked', Strict({ promptId: Type.String() }), { description: 'Linked' }),
  eventType('workspace.updated', Strict({}), { description: 'Renamed', promptless: true }),
  eventType('key.created', Strict({}), { description: 'Made', promptless: true, access: 'keys:read' }),
]
const actor = (permissions: string[], limits: Record<string, Limit[]> = {}): Principal => ({
  id: 'k',
  workspaceId: 'w',
  permissions: new Set(permissions),
  limits: new Map(Object.entries(limits)),
  instanceAdmin: false,
})
const event = (type: string, data: Record<string, unknown> = {}) => ({ type, data })
const told = {
  a: event('prompt.updated', { category: 'a' }),
  b: event('prompt.updated', { category: 'b' }),
  moved: event('prompt.updated', { category: 'a', previous: { category: 'b', name: 'n' } }),
  renamed: event('prompt.updated', { category: 'a', previous: { category: 'a', name: 'n' } }),
  link: event('document.linked', { promptId: 'p' }),
  workspace: event('workspace.updated'),
  key: event('key.created'),
  custom: event('custom.thing'),
  customA: event('custom.thing', { category: 'a' }),
  customB: event('custom.thing', { category: 'b' }),
  customNumber: event('custom.thing', { category: 5 }),
  forgotten: event('old.thing_done'),
}
const free = ['workspace', 'custom', 'customNumber']
const reading = { permissions: ['prompts:read', 'notifications:read'], a: [{ categories: ['a'] }] }

describe('who is told of what', () => {
  test.each<[string, Principal, string[]]>([
    ['an owner: all', actor(['*']), Object.keys(told)],
    ['a reader: all but what has a permission of its own', actor(reading.permissions), Object.keys(told).filter((name) => name !== 'key')],
    ['who may read keys: them too', actor([...reading.permissions, 'keys:read']), Object.keys(told)],
    [
      'who reads the prompts of a category: of these alone, and what concerns no prompt',
      actor(reading.permissions, { 'prompts:read': reading.a, 'notifications:read': reading.a }),
      ['a', 'renamed', 'customA', ...free],
    ],
    [
      'who is told of a category only',
      actor(reading.permissions, { 'notifications:read': reading.a }),
      ['a', 'renamed', 'customA', ...free],
    ],
    [
      'who reads one category and is told of another',
      actor(reading.permissions, { 'prompts:read': reading.a, 'notifications:read': [{ categories: ['b'] }] }),
      free,
    ],
    [
      'who is told of two categories, by two grants',
      actor(reading.permissions, { 'prompts:read': [{ categories: ['a'] }, { categories: ['b'] }] }),
      ['a', 'b', 'moved', 'renamed', 'customA', 'customB', ...free],
    ],
    ['who reads by labels alone', actor(reading.permissions, { 'prompts:read': [{ labels: ['production'] }] }), free],
    [
      'who is limited by a label and elsewhere not at all',
      actor(reading.permissions, { 'notifications:read': [{ labels: ['x'] }, {}] }),
      Object.keys(told).filter((name) => name !== 'key'),
    ],
  ])('%s', (_, who, expected) => {
    const { sees } = visibilityOf(who, types)
    const seen = Object.entries(told).flatMap(([name, one]) => (sees(one) ? [name] : []))
    expect(seen.sort()).toEqual([...expected].sort())
  })
})
