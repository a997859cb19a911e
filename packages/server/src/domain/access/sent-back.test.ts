import { expect, test } from 'vitest'
import { sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import { aMember, aRole } from './testing/rights-kit.ts'

const app = sharedApp()

/** One of each kind that is read and changed: its address, how it is read, and a change of it. */
async function resources() {
  const t = app()
  const role = await aRole(t, { permissions: ['prompts:read'] })
  const member = await aMember(t, 'viewer')
  const workspace = (await t.owner('POST', '/workspaces', { name: 'sent back' })).body
  await t.owner('PUT', '/labels/sent', { protected: true })
  const read = async (path: string) => (await t.owner('GET', path)).body
  const label = async () => (await read('/labels')).items.find((one: { label: string }) => one.label === 'sent')
  return [
    { path: `/roles/${role.id}`, get: () => read(`/roles/${role.id}`), change: { description: 'edited' } },
    { path: `/members/${member}`, get: () => read(`/members/${member}`), change: { role: 'editor' } },
    { path: `/workspaces/${workspace.id}`, get: () => read(`/workspaces/${workspace.id}`), change: { name: 'edited' } },
    { path: '/labels/sent', get: label, change: { categories: ['edited'] } },
  ]
}

test('what was read can be edited and sent back whole; an older reading too; another value of a read-only field is 422', async () => {
  const { owner } = app()
  for (const { path, get, change } of await resources()) {
    const before = await get()
    expect([path, verdict(await owner('PUT', path, before)), await get()]).toEqual([path, [200], before])
    const edited = await owner('PUT', path, { ...before, ...change })
    expect([path, edited.status, edited.body]).toEqual([path, 200, await get()])
    expect(edited.body).toMatchObject({ ...change, revision: before.revision + 1 })
    expect([path, verdict(await owner('PUT', path, before))]).toEqual([path, [200]])
    const now = await get()
    for (const wrong of [{ revision: now.revision + 1 }, { updatedAt: '2001-01-01T00:00:00.000Z' }]) {
      const answer = await owner('PUT', path, { ...now, ...wrong })
      const [field] = Object.keys(wrong)
      expect([path, verdict(answer), answer.body.errors[0].pointer]).toEqual([path, [422, 'field.read_only'], `/${field}`])
    }
    expect(await get()).toEqual(now)
  }
})
