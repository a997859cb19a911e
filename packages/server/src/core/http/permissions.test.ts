import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtInRoles, permissions } from '../../domain/access/model/roles.ts'
import { aKey } from '../../domain/access/testing/rights-kit.ts'
import { type Call, startTestApp, type TestAnswer, type TestApp } from '../../testing/index.ts'
import type { AnyEndpoint } from '../endpoint.ts'
import { addressOf, bodyOf, endpointsOf, type Fixtures, makeFixtures } from '../testing/walk.ts'

/** Milliseconds that the service's clock is ahead: how a key comes to be expired. */
let ahead = 0
let t: TestApp
let all: readonly AnyEndpoint[]
let mine: Fixtures
beforeAll(async () => {
  t = await startTestApp({ clock: () => new Date(Date.now() + ahead).toISOString() })
  all = endpointsOf(t)
  mine = await makeFixtures(t.owner, t.database)
})
afterAll(() => t.stop())

const send = (call: Call, e: AnyEndpoint): Promise<TestAnswer> => call(e.method, addressOf(e, mine), bodyOf(e, mine))

type Expected = 'admitted' | 401 | 403 | 404
/** Admitted is who got past the door: what comes then (a conflict, a missing thing, rights that cannot be given away) is the endpoint's own. */
const fits = (e: AnyEndpoint, expected: Expected, { status, body }: TestAnswer): boolean => {
  if (expected === 401) return status === 401 && body.code === 'auth.required'
  if (expected === 403) return status === 403 && body.code === 'auth.forbidden' && (e.instanceAdmin || body.permission === e.access)
  if (expected === 404) return status === 404
  return status !== 401 && status < 500 && !(status === 403 && body.code === 'auth.forbidden')
}

/** The permission table: what somebody with these permissions is to be answered. */
const expectedFor = (e: AnyEndpoint, held: readonly string[]): Expected =>
  (held.includes('*') || held.includes(e.access)) && !e.instanceAdmin ? 'admitted' : 403

/** Whether its address names something by an id, or a prompt by its name; a person by the callers' own id is nobody's thing. */
const namesThing = ({ path }: AnyEndpoint): boolean => /:(id|(?!userId)[a-z]+Id|name)\b/.test(path)

async function everyOperation(by: (e: AnyEndpoint) => Promise<Call> | Call, expected: (e: AnyEndpoint) => Expected): Promise<void> {
  const wrong: string[] = []
  for (const e of all) {
    const answer = await send(await by(e), e)
    if (!fits(e, expected(e), answer))
      wrong.push(`${e.name}: ${expected(e)} was expected, not ${answer.status} ${answer.text.slice(0, 200)}`)
  }
  expect(wrong).toEqual([])
}

describe('every operation answers, by the permission table,', () => {
  test('and the table has a known permission for each of them', () => {
    expect(all.filter(({ access }) => !permissions.includes(access)).map(({ name, access }) => `${name}: ${access}`)).toEqual([])
  })

  test('who has no key: 401', () =>
    everyOperation(
      () => t.anonymous,
      () => 401,
    ))

  test('who has an expired key: 401', async () => {
    const key = await aKey(t, { role: 'owner', expiresAt: new Date(Date.now() + 3_600_000).toISOString() })
    expect((await key('GET', '/prompts')).status).toBe(200)
    ahead = 7_200_000
    await everyOperation(
      () => key,
      () => 401,
    ).finally(() => {
      ahead = 0
    })
  })

  test('who has a revoked key: 401', async () => {
    const key = await aKey(t, { role: 'owner' })
    expect((await key('GET', '/prompts')).status).toBe(200)
    await t.owner('DELETE', `/api-keys/${key.id}`)
    await everyOperation(
      () => key,
      () => 401,
    )
  })

  test('the owner of another workspace: 404 for every id, and 403 for what is for administrators of the installation', async () => {
    const stranger = await t.stranger()
    await everyOperation(
      () => stranger,
      (e) => (e.instanceAdmin ? 403 : namesThing(e) ? 404 : 'admitted'),
    )
  })

  test('viewers: reads alone', async () => {
    const viewer = await aKey(t, { role: 'viewer' })
    await everyOperation(
      () => viewer,
      (e) => expectedFor(e, builtInRoles.viewer!),
    )
  })

  test.each(Object.keys(builtInRoles).filter((role) => !['viewer', 'owner', 'admin'].includes(role)))(
    '%ss: what their role gives',
    async (role) => {
      const key = await aKey(t, { role })
      await everyOperation(
        () => key,
        (e) => expectedFor(e, builtInRoles[role]!),
      )
    },
  )

  test('keys with one scope: what that opens is open, and nothing else is', async () => {
    const scoped = new Map<string, Call>()
    const keyFor = async (scope: string): Promise<Call> => {
      if (!scoped.has(scope)) scoped.set(scope, await aKey(t, { scopes: [scope] }))
      return scoped.get(scope)!
    }
    await everyOperation(
      ({ access }) => keyFor(access),
      (e) => expectedFor(e, [e.access]),
    )
    const another = ({ access }: AnyEndpoint) => permissions[(permissions.indexOf(access) + 1) % permissions.length]!
    await everyOperation(
      (e) => keyFor(another(e)),
      () => 403,
    )
    expect(scoped.size).toBeGreaterThan(8)
  })
})
