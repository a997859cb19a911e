import { describe, expect, test } from 'vitest'
import type { TestAnswer } from '../../testing/index.ts'
import { aPrompt, aVersion, servePath, sharedApp, verdict } from './testing/prompt-kit.ts'

const t = sharedApp()
const setLabel = (id: string, label: string, body: unknown) => t().owner('PUT', `/prompts/${id}/labels/${label}`, body)

async function threeVersions() {
  const prompt = await aPrompt(t().owner, { content: 'one' })
  await aVersion(t().owner, prompt, 'two')
  await aVersion(t().owner, prompt, 'three')
  return prompt
}

describe('a label', () => {
  test.each(['production', 'staging', 'constructor', 'a.b_c-1'])(
    'called %s stands on one version, moves, is reverted and taken away',
    async (label) => {
      const prompt = await threeVersions()
      const { id } = prompt
      const served = async () => {
        const answer = await t().owner('GET', servePath(prompt, `label=${label}`))
        return answer.status === 200 ? answer.body.version : answer.body.code
      }
      const first = label === 'production' ? 1 : null
      expect(await served()).toBe(first ?? 'label.not_found')
      const moved = await setLabel(id, label, { version: 2, reason: 'better' })
      expect(moved.body).toEqual({ label, version: 2, previousVersion: first, promptId: id, revision: expect.any(Number) })
      expect(moved.headers.get('etag')).toBe(`"${moved.body.revision}"`)
      expect(await served()).toBe(2)
      expect((await setLabel(id, label, { version: 3, expectedVersion: 2 })).body.previousVersion).toBe(2)
      const late = await setLabel(id, label, { version: 1, expectedVersion: 2 })
      expect([...verdict(late), late.body.version]).toEqual([409, 'label.moved', 3])
      expect(verdict(await setLabel(id, label, { version: 1, expectedVersion: null }))).toEqual([409, 'label.moved'])
      expect((await t().owner('POST', `/prompts/${id}/labels/${label}/revert`, {})).body).toMatchObject({ version: 2, previousVersion: 3 })
      expect(await served()).toBe(2)
      expect((await t().owner('DELETE', `/prompts/${id}/labels/${label}`)).status).toBe(204)
      expect(await served()).toBe('label.not_found')
      expect(verdict(await t().owner('DELETE', `/prompts/${id}/labels/${label}`))).toEqual([404, 'label.not_found'])
      expect((await setLabel(id, label, { version: 1, expectedVersion: null })).status).toBe(200)
      const { items } = (await t().owner('GET', `/prompts/${id}/labels/${label}/history`)).body
      const moves = [
        [first, 2, 'better'],
        [2, 3, null],
        [3, 2, 'Revert'],
        [2, null, null],
        [null, 1, null],
      ]
      expect(items.map(({ from, to, reason }: Record<string, unknown>) => [from, to, reason]).reverse()).toEqual(
        first ? [[null, 1, null], ...moves] : moves,
      )
      expect(items[0]).toMatchObject({ label, movedBy: 'bootstrap', movedAt: expect.stringMatching(/Z$/) })
    },
  )

  test('that is set where it stands changes nothing', async () => {
    const { id } = await threeVersions()
    const before = (await t().owner('GET', `/prompts/${id}`)).body.revision
    expect((await setLabel(id, 'production', { version: 1 })).body).toMatchObject({ revision: before, previousVersion: 1 })
    expect((await t().owner('GET', `/prompts/${id}/labels/production/history`)).body.items).toHaveLength(1)
  })

  test('is refused when reserved, ill-formed, or put on a version that is not there', async () => {
    const { id } = await threeVersions()
    expect(verdict(await setLabel(id, 'latest', { version: 1 }))).toEqual([422, 'label.reserved'])
    expect((await setLabel(id, 'UPPER', { version: 1 })).status).toBe(404)
    expect(verdict(await setLabel(id, 'x', { version: 4 }))).toEqual([404, 'version.not_found'])
    expect(verdict(await setLabel(id, 'x', {}))).toEqual([400, 'request.invalid'])
    expect(verdict(await t().owner('POST', `/prompts/${id}/labels/x/revert`, {}))).toEqual([404, 'label.not_found'])
    expect(verdict(await t().owner('POST', `/prompts/${id}/labels/production/revert`, {}))).toEqual([409, 'label.nothing_to_revert'])
  })

  test('moved by 16 callers at once who all expect the same place moves once', async () => {
    const { id } = await threeVersions()
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, i) => setLabel(id, 'production', { version: 2 + (i % 2), expectedVersion: 1 })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(15)
  })

  test('cannot stand twice or nowhere: the database refuses it', async () => {
    const { id } = await threeVersions()
    const insert = (version: number) =>
      t().database.query(
        `insert into prompt_label (workspace_id, prompt_id, label, version) select workspace_id, id, 'production', $2 from prompt where id = $1`,
        [id, version],
      )
    await expect(insert(2)).rejects.toThrow(/duplicate key/)
    await t().database.query(`delete from prompt_label where prompt_id = $1`, [id])
    await expect(insert(9)).rejects.toThrow(/foreign key/)
  })
})

test('the history of a label is walked page by page', async () => {
  const { id } = await threeVersions()
  for (const version of [2, 3, 1, 2]) await setLabel(id, 'production', { version })
  const seen: number[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body }: TestAnswer = await t().owner('GET', `/prompts/${id}/labels/production/history?limit=2${cursor && `&cursor=${cursor}`}`)
    seen.push(...body.items.map(({ to }: { to: number }) => to))
    cursor = body.nextCursor
  }
  expect(seen).toEqual([2, 1, 3, 2, 1])
})
