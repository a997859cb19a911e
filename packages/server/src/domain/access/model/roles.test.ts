import fc from 'fast-check'
import { expect, test } from 'vitest'
import { may } from '../../../core/access.ts'
import { beyond, builtInRoles, compileRights, type Grant, permissions } from './roles.ts'

const places = ['a', 'b', 'c']
const limit = fc.option(fc.subarray(places, { minLength: 1 }), { nil: undefined })
const grant: fc.Arbitrary<Grant> = fc
  .record({ permissions: fc.subarray(['prompts:read', 'prompts:write', 'labels:write']), categories: limit, labels: limit })
  .map(({ permissions: given, categories, labels }) => ({
    permissions: given,
    ...(categories && { categories }),
    ...(labels && { labels }),
  }))
const principal = (grants: readonly Grant[]) => ({ id: 'x', workspaceId: 'w', instanceAdmin: false, ...compileRights(grants) })

test('what is not beyond somebody gives nobody more than they have, anywhere', () => {
  fc.assert(
    fc.property(fc.array(grant, { maxLength: 3 }), grant, (held, given) => {
      const holder = principal(held)
      const excess = beyond(holder, given)
      const receiver = principal([{ ...given, permissions: given.permissions.filter((permission) => !excess.includes(permission)) }])
      for (const permission of ['prompts:read', 'prompts:write', 'labels:write'])
        for (const category of [...places, 'elsewhere'])
          for (const label of [...places, 'other', null])
            if (may(receiver, permission, { category, label })) expect(may(holder, permission, { category, label })).toBe(true)
    }),
  )
})

test('everybody may give all that they have, and an owner everything', () => {
  fc.assert(fc.property(grant, (held) => beyond(principal([held]), held).length === 0))
  expect(beyond(principal([{ permissions: ['*'] }]), { permissions })).toEqual([])
  expect(beyond(principal([{ permissions }]), { permissions: ['*'] })).toEqual(['*'])
})

test.each(['runner', 'viewer'])('built-in roles nest: each %s right is an editor right, and so on up to the owner', (least) => {
  const order = [least, 'editor', 'publisher', 'admin', 'owner']
  for (const [i, role] of order.entries())
    for (const above of order.slice(i))
      expect([role, above, beyond(principal([{ permissions: builtInRoles[above]! }]), { permissions: builtInRoles[role]! })]).toEqual([
        role,
        above,
        [],
      ])
})
