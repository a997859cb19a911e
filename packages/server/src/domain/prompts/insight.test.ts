import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Drift } from './model/drift.ts'
import { aPrompt, aVersion, sharedApp, verdict } from './testing/prompt-kit.ts'

const t = sharedApp()
const history = join(import.meta.dirname, '../'.repeat(6), 'shared/data/history/fabric-versions.jsonl')

describe('drift', () => {
  const drift = (id: string, query = '') => t().owner('GET', `/prompts/${id}/drift?${query}`)

  test('of a prompt that never changed is empty', async () => {
    const { id } = await aPrompt(t().owner)
    expect((await drift(id)).body).toMatchObject({ items: [], nextCursor: null })
  })

  test('in use has no verdict where nothing was measured, and is told on the first page alone', async () => {
    const prompt = await aPrompt(t().owner, { content: 'one' })
    for (const content of ['two', 'three']) await aVersion(t().owner, prompt, content)
    const { body } = await drift(prompt.id, 'limit=1')
    expect(body.inUse).toMatchObject({ verdict: 'not_enough_data', detail: expect.stringContaining('measured'), metrics: [] })
    expect((await drift(prompt.id, `limit=1&cursor=${body.nextCursor}`)).body.inUse).toBeUndefined()
  })

  test('goes from each version to the next, the latest first, with the whole way beside it', async () => {
    const prompt = await aPrompt(t().owner, { content: 'Please write to {{a}}.' })
    for (const content of ['Please write to {{b}}.', 'Write to {{b}}!', 'Write to {{b}}!!']) await aVersion(t().owner, prompt, content)
    const { body } = await drift(prompt.id)
    expect(body.items.map(({ from, to }: Drift) => [from, to])).toEqual([
      [3, 4],
      [2, 3],
      [1, 2],
    ])
    expect(body.items[2].variables).toEqual({ added: ['b'], removed: ['a'] })
    expect(body.overall).toMatchObject({ from: 1, to: 4, variables: { added: ['b'], removed: ['a'] } })
    expect((await drift(prompt.id, 'from=2&to=3')).body).toMatchObject({
      items: [{ from: 2, to: 3 }],
      nextCursor: null,
      overall: { from: 2, to: 3 },
    })
    const first = (await drift(prompt.id, 'limit=2')).body
    expect([first.items.length, first.overall]).toEqual([2, body.overall])
    const second = (await drift(prompt.id, `limit=2&cursor=${first.nextCursor}`)).body
    expect([[...first.items, ...second.items], second.nextCursor, second.overall]).toEqual([body.items, null, undefined])
  })

  test('goes on where a walk began, whatever comes meanwhile', async () => {
    const prompt = await aPrompt(t().owner, { content: 'one' })
    for (const content of ['two', 'three']) await aVersion(t().owner, prompt, content)
    const first = (await drift(prompt.id, 'limit=1')).body
    await aVersion(t().owner, prompt, 'four')
    const second = (await drift(prompt.id, `limit=1&cursor=${first.nextCursor}`)).body
    expect([...first.items, ...second.items].map(({ to }: Drift) => to)).toEqual([3, 2])
  })

  test('of a range that is none, or of what is gone, is refused', async () => {
    const prompt = await aPrompt(t().owner)
    await aVersion(t().owner, prompt, 'two')
    for (const query of ['from=2&to=1', 'from=2&to=2'])
      expect(verdict(await drift(prompt.id, query)), query).toEqual([400, 'request.invalid'])
    for (const query of ['from=1&to=3', 'from=9']) expect(verdict(await drift(prompt.id, query)), query).toEqual([404, 'version.not_found'])
    expect(verdict(await drift(prompt.id, 'cursor=x.y'))).toEqual([400, 'cursor.invalid'])
    await t().owner('DELETE', `/prompts/${prompt.id}`)
    expect(verdict(await drift(prompt.id))).toEqual([404, 'prompt.not_found'])
  })

  test('of very long texts comes in shorter pages, and others are answered meanwhile', async () => {
    const long = (n: number) => `${n} ${'word and sign, '.repeat(50_000)}`
    const prompt = await aPrompt(t().owner, { content: long(0) })
    for (let n = 1; n <= 4; n++) await aVersion(t().owner, prompt, long(n))
    const [first, alive] = await Promise.all([drift(prompt.id), t().anonymous('GET', '//livez')])
    expect([first.status, alive.status, first.body.items.length < 4, first.body.nextCursor !== null]).toEqual([200, 200, true, true])
    const seen = [...first.body.items]
    for (let cursor = first.body.nextCursor; cursor !== null; ) {
      const { body } = await drift(prompt.id, `cursor=${cursor}`)
      seen.push(...body.items)
      cursor = body.nextCursor
    }
    expect(seen.map(({ to }: Drift) => to)).toEqual([5, 4, 3, 2])
    for (const { similarity } of seen) expect(similarity > 0.99 && similarity < 1).toBe(true)
  })

  if (!existsSync(history)) console.warn(`NOT TESTED on real histories: there is no ${history}`)
  test.skipIf(!existsSync(history))('of a real history tells small changes from rewritten texts', async () => {
    const rows = readFileSync(history, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { title: string; content: string })
    const [[title, versions], [, others]] = [...Map.groupBy(rows, (row) => row.title)].sort(([, a], [, b]) => b.length - a.length) as [
      [string, typeof rows],
      [string, typeof rows],
    ]
    const prompt = await aPrompt(t().owner, { content: versions[0]!.content, engine: 'none', description: title })
    for (const { content } of [...versions.slice(1, 12), others[0]!]) await t().owner('PUT', `/prompts/${prompt.id}/content`, { content })
    const { items } = (await drift(prompt.id)).body as { items: Drift[] }
    expect(items.length).toBeGreaterThan(2)
    const [rewritten, ...edited] = items.map(({ similarity }) => similarity)
    expect([Math.min(...edited) > 0.5, Math.max(...edited) <= 1, rewritten! < 0.5]).toEqual([true, true, true])
  })
})

describe('suggestions', () => {
  const suggestions = async (id: string, query = '') => (await t().owner('GET', `/prompts/${id}/suggestions?${query}`)).body

  test('are ranked, and say where, why, and what instead', async () => {
    const content = `Write a list of facts for {{who}} from \${place}, and add stuff.`
    const prompt = await aPrompt(t().owner, { content, variables: [{ name: 'who' }, { name: 'spare' }] })
    const { version, items } = await suggestions(prompt.id)
    expect([version, items.map(({ kind }: { kind: string }) => kind)]).toEqual([1, ['unused_variable', 'undefined_variable', 'vague_word']])
    expect(items[0]).toMatchObject({ severity: 'warning', evidence: { name: 'spare' }, reason: expect.stringContaining('spare') })
    const { span, suggestedText, evidence } = items[1]
    expect([span.pointer, span.message, content.slice(span.start, span.end), suggestedText]).toEqual([
      ...['/content', null, evidence.text, '{{place}}'],
    ])
  })

  test('are of the version asked for, the newest without', async () => {
    const prompt = await aPrompt(t().owner, { content: `Print \${a}.` })
    await aVersion(t().owner, prompt, 'Print {{a}}.')
    expect(await suggestions(prompt.id)).toEqual({ version: 2, items: [] })
    expect((await suggestions(prompt.id, 'version=1')).items).toHaveLength(1)
    expect((await suggestions(prompt.id, 'label=production')).version).toBe(1)
    const failing = (query: string) => t().owner('GET', `/prompts/${prompt.id}/suggestions?${query}`)
    expect(verdict(await failing('version=3'))).toEqual([404, 'version.not_found'])
    expect(verdict(await failing('label=beta'))).toEqual([404, 'label.not_found'])
    expect(verdict(await failing('version=1&label=production'))).toEqual([400, 'request.invalid'])
    await t().owner('DELETE', `/prompts/${prompt.id}`)
    expect(verdict(await failing(''))).toEqual([404, 'prompt.not_found'])
  })

  test('of a language model are asked for by llm, and who has none set up is told so', async () => {
    const prompt = await aPrompt(t().owner, { content: `Print \${a}.` })
    const plain = await suggestions(prompt.id)
    expect(await suggestions(prompt.id, 'llm=false')).toEqual(plain)
    expect(await suggestions(prompt.id, 'llm=true')).toEqual({ ...plain, warnings: [{ code: 'llm.off', detail: expect.any(String) }] })
    expect(verdict(await t().owner('GET', `/prompts/${prompt.id}/suggestions?llm=perhaps`))).toEqual([400, 'request.invalid'])
  })

  test('of a chat name the message and the text in it', async () => {
    const content = [
      { role: 'system', content: 'Answer in one line.' },
      { placeholder: 'history' },
      {
        role: 'user',
        parts: [
          { type: 'image_url', url: 'x' },
          { type: 'text', text: 'Describe [insert thing].' },
        ],
      },
    ]
    const { items } = await suggestions((await aPrompt(t().owner, { content })).id)
    expect(items.map(({ kind, span }: { kind: string; span: object }) => [kind, span])).toEqual([
      ['undefined_variable', { pointer: '/content/2/parts/1/text', message: 2, start: 9, end: 23 }],
    ])
  })
})
