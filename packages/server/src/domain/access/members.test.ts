import { describe, expect, test } from 'vitest'
import { sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import { hashKey } from './model/keys.ts'
import { aKey, aMember, walked } from './testing/rights-kit.ts'

const app = sharedApp()

describe('members', () => {
  test('are listed with what their identity provider calls them, and get another role', async () => {
    const t = app()
    const id = await aMember(t, 'viewer')
    const before = (await t.owner('GET', `/members/${id}`)).body
    expect(before).toMatchObject({ id, email: 'p@example.org', name: 'P', role: 'viewer', addedBy: 'test', revision: 1 })
    const changed = await t.owner('PUT', `/members/${id}`, { role: 'editor' }, { 'if-match': '"1"', 'idempotency-key': id })
    expect(changed.body).toEqual({ ...before, role: 'editor', revision: 2, updatedAt: changed.body.updatedAt })
    expect(verdict(await t.owner('PUT', `/members/${id}`, { role: 'viewer' }, { 'if-match': '"1"' }))).toEqual([412, 'precondition.failed'])
    expect((await t.owner('GET', '/members?includeTotal=true')).body.items).toContainEqual(changed.body)
    expect(verdict(await t.owner('PUT', `/members/${id}`, { role: 'nobody' }))).toEqual([422, 'role.unknown'])
    expect((await t.owner('PUT', `/members/${id}`, {})).body.revision).toBe(2)
    expect(verdict(await t.owner('DELETE', `/members/${id}`))).toEqual([204])
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const body = method === 'PUT' ? { role: 'viewer' } : undefined
      expect(verdict(await t.owner(method, `/members/${id}`, body))).toEqual([404, 'member.not_found'])
    }
    const told = await t.database.query<{ type: string }>('select type from outbox where subject = $1 order by id', [id])
    expect(told.map(({ type }) => type)).toEqual(['member.updated', 'member.removed'])
  })

  test('nobody makes another what they are not, or takes away who is more', async () => {
    const t = app()
    const admin = await aKey(t, { role: 'admin' })
    const [viewer, owner] = [await aMember(t, 'viewer'), await aMember(t, 'owner')]
    expect(verdict(await admin('PUT', `/members/${viewer}`, { role: 'owner' }))).toEqual([403, 'auth.rights_exceeded'])
    expect(verdict(await admin('PUT', `/members/${owner}`, { role: 'viewer' }))).toEqual([403, 'auth.rights_exceeded'])
    expect(verdict(await admin('DELETE', `/members/${owner}`))).toEqual([403, 'auth.rights_exceeded'])
    expect(verdict(await admin('PUT', `/members/${viewer}`, { role: 'admin' }))).toEqual([200])
  })

  test('page, each once', async () => {
    const t = app()
    for (let n = 0; n < 3; n++) await aMember(t, 'viewer')
    const seen = await walked(t.owner, '/members?limit=2')
    expect(seen).toEqual((await t.owner('GET', '/members?limit=200')).body.items.map(({ id }: { id: string }) => id))
  })
})

describe('the last owner', () => {
  test('is neither removed nor made less, also when all owners go at once', async () => {
    const t = app()
    const { id: workspaceId } = (await t.owner('POST', '/workspaces', { name: 'owned' })).body
    const owner = await aKey(t, { role: 'owner', workspaceId })
    const ids = await Promise.all(Array.from({ length: 5 }, () => aMember(t, 'owner', workspaceId)))
    const answers = await Promise.all(
      ids.map((id, n) => (n % 2 === 0 ? owner('DELETE', `/members/${id}`) : owner('PUT', `/members/${id}`, { role: 'viewer' }))),
    )
    expect(answers.filter(({ status }) => status >= 300).map(verdict)).toEqual([[409, 'member.last_owner']])
    const { items } = (await owner('GET', '/members')).body
    const owners = items.filter(({ role }: { role: string }) => role === 'owner')
    expect(owners.length).toBe(1)
    expect(verdict(await owner('DELETE', `/members/${owners[0].id}`))).toEqual([409, 'member.last_owner'])
    expect(verdict(await owner('PUT', `/members/${owners[0].id}`, { role: 'admin' }))).toEqual([409, 'member.last_owner'])
    const next = await aMember(t, 'owner', workspaceId)
    expect(verdict(await owner('DELETE', `/members/${owners[0].id}`))).toEqual([204])
    expect(verdict(await owner('DELETE', `/members/${next}`))).toEqual([409, 'member.last_owner'])
  })
})

describe('an invitation', () => {
  test('shows its token once, of which only the hash is kept, and holds for a week', async () => {
    const t = app()
    const body = { email: 'new@example.org', role: 'editor' }
    const made = await t.owner('POST', '/invitations', body, { 'idempotency-key': 'invite' })
    const { token, ...rest } = made.body
    expect([made.status, rest.email, rest.acceptedAt, Math.round((Date.parse(rest.expiresAt) - Date.now()) / 86_400_000)]).toEqual([
      201,
      body.email,
      null,
      7,
    ])
    expect((await t.owner('POST', '/invitations', body, { 'idempotency-key': 'invite' })).body).toEqual(rest)
    const listed = await t.owner('GET', '/invitations?includeTotal=true&limit=1')
    expect([listed.body.items[0], listed.text.includes(token), listed.body.total >= 1]).toEqual([rest, false, true])
    const stored = await t.database.query('select 1 from invitation where id = $1 and token_hash = $2', [rest.id, hashKey(token)])
    expect(stored.length).toBe(1)
    expect(verdict(await t.owner('DELETE', `/invitations/${rest.id}`))).toEqual([204])
    expect(verdict(await t.owner('DELETE', `/invitations/${rest.id}`))).toEqual([404, 'invitation.not_found'])
  })

  test('that was taken up is not taken back', async () => {
    const t = app()
    const { id } = (await t.owner('POST', '/invitations', { email: 'in@example.org', role: 'viewer' })).body
    await t.database.query('update invitation set accepted_at = now() where id = $1', [id])
    expect(verdict(await t.owner('DELETE', `/invitations/${id}`))).toEqual([404, 'invitation.not_found'])
  })

  test.each([
    [{ email: 'nobody', role: 'viewer' }, [422, 'invitation.invalid']],
    [{ email: 'a b@example.org', role: 'viewer' }, [422, 'invitation.invalid']],
    [{ email: 'a@example.org', role: 'nobody' }, [422, 'role.unknown']],
    [{ email: 'a@example.org', role: 'viewer', expiresAt: '2001-01-01T00:00:00Z' }, [422, 'invitation.invalid']],
    [{ email: 'a@example.org' }, [400, 'request.invalid']],
  ])('is refused for what makes no sense: %o', async (body, expected) => {
    expect(verdict(await app().owner('POST', '/invitations', body))).toEqual(expected)
  })

  test('is not for more than its author may', async () => {
    const admin = await aKey(app(), { role: 'admin' })
    expect(verdict(await admin('POST', '/invitations', { email: 'a@example.org', role: 'owner' }))).toEqual([403, 'auth.rights_exceeded'])
  })
})
