import { expect, test } from 'vitest'
import { startTestApp } from '../../testing/index.ts'
import { aPrompt, servePath, verdict } from './testing/prompt-kit.ts'

const day = 24 * 3_600_000

test('an old name serves for 90 days, and no longer', async () => {
  const start = Date.now()
  let passed = 0
  const clock = () => new Date(start + passed).toISOString()
  const t = await startTestApp({ clock, cacheBytes: 0 })
  try {
    const { id } = await aPrompt(t.owner, { category: 'c', name: 'old' })
    await t.owner('PUT', `/prompts/${id}`, { name: 'new' })
    const old = servePath({ category: 'c', name: 'old' })
    passed = 90 * day - 1000
    expect((await t.owner('GET', old)).body).toMatchObject({ id, name: 'new' })
    passed = 90 * day
    expect(verdict(await t.owner('GET', old))).toEqual([404, 'prompt.not_found'])
    expect((await t.owner('GET', servePath({ category: 'c', name: 'new' }))).status).toBe(200)
    const purge = t.app.modules.flatMap(({ jobs }) => jobs ?? []).find(({ name }) => name === 'prompts.purge_former_names')!
    const rows = () => t.database.query('select name from prompt_former_name')
    expect(await rows()).toEqual([{ name: 'old' }])
    passed = 91 * day
    const system = { id: 'test', workspaceId: '00000000-0000-7000-8000-000000000001', permissions: new Set<string>(), instanceAdmin: false }
    await purge.run({}, t.app.runtime.contextFor(system, { requestId: 'purge' }))
    expect(await rows()).toEqual([])
  } finally {
    await t.stop()
  }
})
