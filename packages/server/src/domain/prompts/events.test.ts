import { expect, test, vi } from 'vitest'
import { startTestApp } from '../../testing/index.ts'
import { promptEvents } from './model/events.ts'
import { aPrompt, aVersion } from './testing/prompt-kit.ts'

type Row = { type: string; subject: string; data: Record<string, unknown>; position: number; actor: string; requestId: string }

test('every change tells what happened, once, in the order of the feed and without gaps', async () => {
  const t = await startTestApp()
  try {
    const rows = () =>
      t.database.query<Row>(`select type, subject, data, position::int, actor, request_id as "requestId" from outbox order by id`)
    const told = async (work: () => Promise<unknown>): Promise<[string, Record<string, unknown>][]> => {
      const before = (await rows()).length
      await work()
      return (await rows()).slice(before).map(({ type, data }) => [type, data])
    }
    const called = { category: 'c', name: 'n' }
    const change = (method: string, path: string, body?: unknown) => t.owner(method, `/prompts/${id}${path}`, body)
    let id = ''

    const creating = told(async () => {
      id = (await aPrompt(t.owner, { ...called, content: 'one', labels: ['production', 'beta'] })).id
    })
    expect(await creating).toEqual([
      ['prompt.created', { ...called, version: 1 }],
      ['prompt.label_moved', { ...called, label: 'production', from: null, to: 1 }],
      ['prompt.label_moved', { ...called, label: 'beta', from: null, to: 1 }],
    ])
    const two = await told(() => change('PUT', '', { content: 'two', description: 'd', tags: ['x'] }))
    expect(two).toEqual([
      ['prompt.version_created', { ...called, version: 2, changeType: 'update' }],
      ['prompt.updated', { ...called, fields: ['description', 'tags'] }],
    ])
    expect(await told(() => change('PUT', '', { content: 'two', description: 'd' }))).toEqual([])
    expect(await told(() => change('PUT', '/labels/production', { version: 2 }))).toEqual([
      ['prompt.label_moved', { ...called, label: 'production', from: 1, to: 2 }],
    ])
    expect(await told(() => change('PUT', '/labels/production', { version: 2 }))).toEqual([])
    expect(await told(() => change('POST', '/labels/production/revert', {}))).toEqual([
      ['prompt.label_moved', { ...called, label: 'production', from: 2, to: 1 }],
    ])
    expect(await told(() => change('DELETE', '/labels/beta'))).toEqual([
      ['prompt.label_moved', { ...called, label: 'beta', from: 1, to: null }],
    ])
    expect(await told(() => change('POST', '/versions/1/rollback', { labels: ['production'] }))).toEqual([
      ['prompt.version_created', { ...called, version: 3, changeType: 'rollback' }],
      ['prompt.label_moved', { ...called, label: 'production', from: 1, to: 3 }],
    ])
    const renamed = { category: 'c', name: 'm' }
    expect(await told(() => change('PUT', '', { name: 'm' }))).toEqual([
      ['prompt.updated', { ...renamed, fields: ['name'], previous: called }],
    ])
    expect(await told(() => change('POST', '/fork', { name: 'f' }))).toEqual([
      ['prompt.created', { category: 'c', name: 'f', version: 1 }],
      ['prompt.forked', { category: 'c', name: 'f', from: { promptId: id, version: 3 } }],
      ['prompt.label_moved', { category: 'c', name: 'f', label: 'production', from: null, to: 1 }],
      ['relationship.created', { sourceId: expect.any(String), targetId: id, type: 'derived_from', strength: 1 }],
    ])
    expect(await told(() => change('DELETE', ''))).toEqual([['prompt.deleted', renamed]])
    expect(await told(() => change('POST', '/restore'))).toEqual([['prompt.restored', renamed]])
    expect(await told(() => change('POST', '/restore'))).toEqual([])
    expect(await told(() => change('PUT', '/content', { content: '{{> no/such}}' }))).toEqual([])
    expect(await told(() => t.owner('PUT', `/prompts/${id}`, { description: 'traced' }, { 'x-request-id': 'mine' }))).toHaveLength(1)

    const prompts = await Promise.all(Array.from({ length: 8 }, () => aPrompt(t.owner)))
    await Promise.all(prompts.flatMap((prompt) => ['a', 'b', 'c'].map((content) => aVersion(t.owner, prompt, content))))
    const placed = await vi.waitFor(
      async () => {
        const all = await rows()
        expect(all.every(({ position }) => position !== null)).toBe(true)
        return all
      },
      { timeout: 60_000, interval: 50 },
    )
    const positions = placed.map(({ position }) => position).sort((a, b) => a - b)
    expect(positions).toEqual(positions.map((_, i) => i + 1))
    const kinds = new Set([...promptEvents.map(({ type }) => type), 'relationship.created'])
    expect(placed.filter(({ type }) => !kinds.has(type))).toEqual([])
    expect(placed.filter(({ actor }) => actor !== 'bootstrap')).toEqual([])
    expect(placed.filter(({ requestId }) => requestId === 'mine')).toHaveLength(1)
    for (const prompt of prompts)
      expect(
        placed.filter(({ type, subject }) => type === 'prompt.version_created' && subject === prompt.id).map(({ data }) => data.version),
      ).toEqual([2, 3, 4])
  } finally {
    await t.stop()
  }
})
