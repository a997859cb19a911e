import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import { aKeyWith } from '../access/testing/rights-kit.ts'
import { aPrompt, freshName, servePath } from './testing/prompt-kit.ts'
import { createUseRecorder } from './use-recorder.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

/** Which of some prompts were served, once an instance of their own has written what it noted. */
async function noted(ids: readonly string[], use: (there: TestApp) => Promise<unknown>): Promise<boolean[]> {
  const there = await startTestApp({ database: t.database })
  await use(there)
  await there.stop() // writes what it has noted
  const rows = await t.database.query<{ prompt_id: string }>('select prompt_id from prompt_use where prompt_id = any($1)', [ids])
  const used = rows.map((row) => row.prompt_id)
  return ids.map((id) => used.includes(id))
}

describe('use', () => {
  test('is being served by name, twice the same way, resolved, rendered, or got in a batch; what is included is used too', async () => {
    const { owner } = t
    const category = freshName('used')
    const prompts = []
    for (let n = 0; n < 5; n++) prompts.push(await aPrompt(owner, { category, content: 'Hi' }))
    const [part, byName, resolved, rendered, batched] = prompts as [
      (typeof prompts)[0],
      (typeof prompts)[0],
      (typeof prompts)[0],
      (typeof prompts)[0],
      (typeof prompts)[0],
    ]
    const whole = await aPrompt(owner, {
      category,
      content: `{{> ${encodeURIComponent(category)}/${encodeURIComponent(part.name)}@production}}`,
    })
    const ids = [...prompts, whole].map(({ id }) => id)
    const used = await noted(ids, async (there) => {
      for (let n = 0; n < 2; n++) expect((await there.owner('GET', servePath(byName))).status).toBe(200)
      await there.owner('POST', '/prompts/resolve', { category, name: resolved.name })
      await there.owner('POST', `/prompts/${rendered.id}/render`, {})
      await there.owner('POST', '/prompts/batch-get', { items: [{ id: batched.id }] })
      await there.owner('GET', servePath(whole))
    })
    expect(used).toEqual([true, true, true, true, true, true])
  })

  test('is not what an author looks at, what a cache is warmed with, what is not there, nor what a caller may not have', async () => {
    const { owner } = t
    const prompts = []
    for (let n = 0; n < 4; n++) prompts.push(await aPrompt(owner, { category: 'unused', labels: ['production'] }))
    const [looked, warmed, unset, forbidden] = prompts as [
      (typeof prompts)[0],
      (typeof prompts)[0],
      (typeof prompts)[0],
      (typeof prompts)[0],
    ]
    const used = await noted(
      prompts.map(({ id }) => id),
      async (there) => {
        await there.owner('GET', `/prompts/${looked.id}`)
        await there.owner('GET', '/prompts?category=unused')
        await there.owner('GET', `/prompts/${looked.id}/versions/1`)
        await there.owner('POST', '/cache/warmup', { items: [{ category: 'unused', name: warmed.name }] })
        expect((await there.owner('GET', servePath(unset, 'label=canary'))).status).toBe(404)
        const limited = await aKeyWith(there, { permissions: ['prompts:read'], categories: ['other'] })
        await there.owner('POST', '/cache/warmup', { items: [{ category: 'unused', name: forbidden.name }] })
        for (let n = 0; n < 2; n++) expect((await limited('GET', servePath(forbidden))).status).toBe(403)
      },
    )
    expect(used).toEqual([false, false, false, false])
  })

  test('from the fast lane alone counts, and an answer of 304', async () => {
    const prompt = await aPrompt(t.owner, { category: 'fast' })
    const used = await noted([prompt.id], async (there) => {
      await there.owner('POST', '/cache/warmup', { items: [{ category: 'fast', name: prompt.name }] })
      const head = { 'if-none-match': '*' }
      expect((await there.owner('GET', servePath(prompt), undefined, head)).status).toBe(304)
    })
    expect(used).toEqual([true])
  })
})

describe('the recorder', () => {
  const workspaceId = '00000000-0000-7000-8000-000000000001'
  const servedOf = (...ids: string[]) => ({
    pointer: { parts: new Map(ids.map((promptId) => [promptId, { entry: { promptId } }])) },
    notedIn: 0,
  })
  const recorder = (now: () => string, fails: () => boolean = () => false) => {
    const writes = { count: 0 }
    const use = createUseRecorder({
      clock: now,
      isAway: () => false,
      system: async (work, mode) => {
        if (fails()) throw new Error('away')
        writes.count++
        return t.app.database.within('system', mode, work)
      },
    })
    return { use, writes }
  }
  const id = (n: number) => `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`
  const lastServed = async (promptId: string) =>
    (
      await t.database.query<{ at: Date }>('select last_served_at as at from prompt_use where prompt_id = $1', [promptId])
    )[0]?.at.toISOString()

  test('writes a prompt once an hour at most, however often and by whatever answer it is served', async () => {
    const { use, writes } = recorder(() => new Date().toISOString())
    const [one, same] = [servedOf(id(1)), servedOf(id(1))]
    for (let n = 0; n < 100; n++) use.used(workspaceId, n % 2 ? one : same)
    await use.flush()
    use.used(workspaceId, one)
    use.used(workspaceId, servedOf(id(1)))
    await use.flush()
    expect(writes.count).toBe(1)
  })

  test('moves the time on by half an hour at least, and never back', async () => {
    let now = '2026-01-01T10:00:00.000Z'
    const note = async (at: string) => {
      now = at
      const { use } = recorder(() => now)
      use.used(workspaceId, servedOf(id(2)))
      await use.flush()
      return lastServed(id(2))
    }
    expect(await note('2026-01-01T10:00:00.000Z')).toBe('2026-01-01T10:00:00.000Z')
    expect(await note('2026-01-01T10:29:00.000Z')).toBe('2026-01-01T10:00:00.000Z')
    expect(await note('2026-01-01T10:31:00.000Z')).toBe('2026-01-01T10:31:00.000Z')
    expect(await note('2025-01-01T10:00:00.000Z')).toBe('2026-01-01T10:31:00.000Z')
  })

  test('keeps what it cannot write, and writes thousands in batches', async () => {
    let away = true
    const { use, writes } = recorder(
      () => new Date().toISOString(),
      () => away,
    )
    for (let n = 100; n < 2_600; n++) use.used(workspaceId, servedOf(id(n)))
    await expect(use.flush()).rejects.toThrow('away')
    away = false
    await use.flush()
    expect([writes.count, await lastServed(id(100)), await lastServed(id(2_599))]).toEqual([3, expect.any(String), expect.any(String)])
  })
})
