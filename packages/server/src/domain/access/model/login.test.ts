import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isAppError } from '../../../core/errors.ts'
import { attemptSecrets, isSecret, newSecret, returnPath, verifiedEmail } from './login.ts'
import {
  assertOwnPage,
  chooseWorkspace,
  csrfTokenOf,
  holdsUntil,
  isSafe,
  memberPrincipal,
  NotAMember,
  type Session,
  toldIn,
  WorkspaceNeeded,
  WorkspaceNotYours,
} from './sessions.ts'

const home = 'https://prompts.example'
const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (isAppError(error)) return error.kind.code
    throw error
  }
  return 'fine'
}

test('a return path, whatever it is, leads to the same origin or is refused', () => {
  const pieces = fc.array(
    fc.constantFrom('/', '\\', '.', '..', '@', ':', 'evil.example', '?', '#', '%2f', '%5c', '\t', '\n', ' ', 'a', 'https:', '\u3002'),
    { maxLength: 8 },
  )
  const text = fc.oneof(
    pieces.map((parts) => parts.join('')),
    fc.string(),
    fc.webUrl(),
  )
  fc.assert(
    fc.property(text, (wanted) => {
      let path: string
      try {
        path = returnPath(wanted, home)
      } catch {
        return true
      }
      // As a browser resolves it, standing at the callback; twice, for what a redirect to it would resolve to.
      const first = new URL(path, `${home}/auth/callback`)
      return first.origin === home && new URL(first.pathname + first.search, home).origin === home && path.startsWith('/')
    }),
    { numRuns: 500 },
  )
})

test('paths of ours are taken as they are', () => {
  for (const path of ['/', '/prompts', '/prompts?q=a%20b&c=//d', '/a/b#c', '/%E4%BD%A0', '/@x:y']) expect(returnPath(path, home)).toBe(path)
  expect([returnPath(null, home), returnPath('', home)]).toEqual(['/', '/'])
  expect(codeOf(() => returnPath(`/${'a'.repeat(2_000)}`, home))).toBe('request.invalid')
})

test('secrets are 256 random bits, and what is derived of them differs by purpose, browser and attempt', () => {
  const [a, b, c] = [newSecret(), newSecret(), newSecret()]
  expect([a, b, c].every(isSecret)).toBe(true)
  expect([undefined, '', 'a', `${a}a`, `${a.slice(1)}=`].some(isSecret)).toBe(false)
  const all = [attemptSecrets(a, b), attemptSecrets(a, c), attemptSecrets(b, b)].flatMap(({ nonce, verifier }) => [nonce, verifier])
  expect(new Set(all).size).toBe(6)
  expect(attemptSecrets(a, b)).toEqual(attemptSecrets(a, b))
})

test.each([
  [{ email: 'A@b.c', emailVerified: true }, false, 'a@b.c'],
  [{ email: 'A@b.c', emailVerified: false }, true, undefined],
  [{ email: 'A@b.c' }, false, undefined],
  [{ email: 'A@b.c' }, true, 'a@b.c'],
  [{ emailVerified: true }, true, undefined],
  [{ email: 'no address', emailVerified: true }, false, undefined],
  [{ email: 'a@b@c', emailVerified: true }, false, undefined],
])('of %j, trusting: %s, the address %s counts', (facts, trustEmail, expected) => {
  expect(verifiedEmail({ issuer: 'i', subject: 's', ...facts }, { trustEmail })).toBe(expected)
})

describe('the workspace of a request', () => {
  const inWorkspace = (workspaceId: string) => ({
    workspaceId,
    workspaceName: 'w',
    principal: memberPrincipal('p', { workspaceId, role: 'viewer' }, null),
  })
  const theDefault = '00000000-0000-7000-8000-000000000001'
  const session = (...ids: string[]): Session => ({
    id: 's',
    person: { id: 'p', email: null, name: null },
    memberships: ids.map(inWorkspace),
    expiresAt: '',
    lastSeenAt: '',
  })
  test.each([
    [['a'], undefined, 'a'],
    [['a', theDefault], undefined, theDefault],
    [['a', 'b'], 'b', 'b'],
    [['a', 'b'], undefined, WorkspaceNeeded.code],
    [['a'], 'b', WorkspaceNotYours.code],
    [['a'], '', WorkspaceNotYours.code],
    [[], undefined, NotAMember.code],
    [[], 'a', WorkspaceNotYours.code],
  ])('of a member of %j that asks for %s is %s', (ids, wanted, expected) => {
    let chosen = ''
    const code = codeOf(() => {
      chosen = chooseWorkspace(session(...ids), wanted).workspaceId
    })
    expect(chosen || code).toBe(expected)
  })

  test('a session is told of in all of them, or else in the default one', () => {
    expect(toldIn(['a', 'b'])).toEqual(['a', 'b'])
    expect(toldIn([])).toEqual([theDefault])
  })
})

test('a role that is no more, or was never, gives nothing', () => {
  for (const role of ['gone', '__proto__', 'constructor', 'toString'])
    expect(memberPrincipal('p', { workspaceId: 'w', role }, null)).toMatchObject({
      id: 'user:p',
      permissions: new Set(),
      instanceAdmin: false,
    })
  const limited = memberPrincipal('p', { workspaceId: 'w', role: 'custom' }, { permissions: ['prompts:read'], categories: ['a'] })
  expect(limited).toMatchObject({ permissions: new Set(['prompts:read']), roles: ['custom'] })
  expect(limited.limits!.get('prompts:read')).toEqual([{ categories: ['a'] }])
})

test('a session holds until its end, or until it was not used for long enough', () => {
  const at = { expiresAt: '2026-01-01T12:00:00.000Z', lastSeenAt: '2026-01-01T10:00:00.000Z' }
  expect(holdsUntil(at, 3_600_000)).toBe('2026-01-01T11:00:00.000Z')
  expect(holdsUntil(at, 86_400_000)).toBe(at.expiresAt)
})

describe('a change by cookie', () => {
  const token = newSecret()
  const csrf = csrfTokenOf(token)
  const own = { 'x-csrf-token': csrf, origin: home, 'sec-fetch-site': 'same-origin' }
  test.each([
    ['from our page', own, 'fine'],
    ['from a browser without Sec-Fetch-Site', { 'x-csrf-token': csrf, origin: home }, 'fine'],
    ['without Origin', { 'x-csrf-token': csrf, 'sec-fetch-site': 'same-origin' }, 'fine'],
    ['without a token', { origin: home, 'sec-fetch-site': 'same-origin' }, 'auth.csrf'],
    ['with an empty token', { ...own, 'x-csrf-token': '' }, 'auth.csrf'],
    ["with another session's token", { ...own, 'x-csrf-token': csrfTokenOf(newSecret()) }, 'auth.csrf'],
    ['with the session token itself', { ...own, 'x-csrf-token': token }, 'auth.csrf'],
    ['with the token twice', { ...own, 'x-csrf-token': [csrf, csrf] }, 'auth.csrf'],
    ['from nowhere that is told', { 'x-csrf-token': csrf }, 'auth.csrf'],
    ['from another site', { ...own, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, 'auth.csrf'],
    ['from a sibling domain', { ...own, origin: 'https://x.prompts.example', 'sec-fetch-site': 'same-site' }, 'auth.csrf'],
    ['from the same host without TLS', { ...own, origin: 'http://prompts.example' }, 'auth.csrf'],
    ['from a sandboxed page', { ...own, origin: 'null' }, 'auth.csrf'],
    ['from a page that hides its origin', { 'x-csrf-token': csrf, 'sec-fetch-site': 'cross-site' }, 'auth.csrf'],
    ['typed by hand', { 'x-csrf-token': csrf, 'sec-fetch-site': 'none' }, 'auth.csrf'],
  ])('%s', (_name, headers, expected) => expect(codeOf(() => assertOwnPage(headers as never, token, home))).toBe(expected))

  test('is anything but GET, HEAD and OPTIONS', () => {
    expect(['GET', 'HEAD', 'OPTIONS'].every(isSafe)).toBe(true)
    expect(['POST', 'PUT', 'DELETE', 'PATCH', 'get', ''].some(isSafe)).toBe(false)
  })
})
