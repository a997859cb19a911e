import { expect, test } from 'vitest'
import { aKeyWith } from '../access/testing/rights-kit.ts'
import { aPrompt, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import { indexed } from '../search/testing/search-kit.ts'
import type { Related } from './model/related.ts'

const t = sharedApp()
const related = async (id: string, query = ''): Promise<Related[]> => (await t().owner('GET', `/prompts/${id}/related?${query}`)).body.items

test('prompts are recommended for relationships, content and shared use, each with its reasons and its part of the score', async () => {
  const report = (more: string) => `Summarize the quarterly sales report for the board. ${more}`
  const own = await aPrompt(t().owner, { content: report('Be brief.'), tags: ['finance', 'board'], category: 'reports' })
  const twin = await aPrompt(t().owner, { content: report('Be thorough.'), category: 'reports' })
  const linked = await aPrompt(t().owner, { content: 'Bake bread.', category: 'kitchen' })
  const tagged = await aPrompt(t().owner, { content: 'Plan a voyage.', tags: ['finance'], category: 'travel' })
  const partner = await aPrompt(t().owner, { content: 'Greet.', category: 'parts' })
  const stranger = await aPrompt(t().owner, { content: 'Write a sonnet.', category: 'poems' })
  const template = await aPrompt(t().owner, { content: report('A template.'), category: 'reports', isTemplate: true, tags: ['finance'] })
  for (const { id } of [linked, template])
    await t().owner('POST', `/prompts/${own.id}/relationships`, { targetId: id, type: 'references', strength: 0.6 })
  await aPrompt(t().owner, { content: `{{> reports/${own.name}}} {{> parts/${partner.name}}}`, category: 'wholes' })

  await indexed(t().owner)
  const items = await related(own.id)
  const byId = new Map(items.map((item) => [item.id, item]))
  expect([byId.has(stranger.id), byId.has(template.id), byId.has(own.id)]).toEqual([false, false, false])
  expect(byId.get(linked.id)).toMatchObject({
    score: expect.closeTo(0.3, 9),
    parts: { explicit: 0.6, content: 0, sharedUse: 0 },
    reasons: [{ kind: 'relationship', score: 0.6, detail: 'This prompt references it.' }],
  })
  expect(byId.get(twin.id)!.parts.content).toBeGreaterThan(0.5)
  expect(byId.get(twin.id)!.reasons[0]).toMatchObject({ kind: 'content', detail: expect.stringContaining('quarterly') })
  expect(byId.get(tagged.id)).toMatchObject({
    parts: { sharedUse: 0.5 },
    reasons: [{ kind: 'tags', score: 0.5, detail: 'Tags in common: finance.' }],
  })
  expect(byId.get(partner.id)!.reasons).toEqual([{ kind: 'includers', score: 1, detail: '1 prompt includes both.' }])
  for (const { score, parts } of items) expect(score).toBeCloseTo(0.5 * parts.explicit + 0.35 * parts.content + 0.15 * parts.sharedUse, 9)
  expect(items.map(({ score }) => score)).toEqual(items.map(({ score }) => score).sort((a, b) => b - a))
  expect(await related(own.id, 'limit=1')).toEqual(items.slice(0, 1))
  expect(await related(own.id), 'the same question has the same answer').toEqual(items)
})

test('prompts of any category are found by what they say, those that the caller may see alone', async () => {
  const own = await aPrompt(t().owner, { category: 'w1', content: 'Estimate the tidal currents of a harbour for a pilot.' })
  const twin = await aPrompt(t().owner, { category: 'w2', content: 'Estimate tidal currents in the harbour at noon.' })
  const hidden = await aPrompt(t().owner, { category: 'w3', content: 'Tidal currents: estimate them for the harbour.' })
  for (let n = 0; n < 60; n++) await aPrompt(t().owner, { category: 'w1', content: `Something else, number ${n}.` })
  await indexed(t().owner)
  const found = await related(own.id)
  expect(new Set(found.slice(0, 2).map(({ id }) => id))).toEqual(new Set([twin.id, hidden.id]))
  expect(found[0]!.reasons[0]).toMatchObject({ kind: 'content', detail: expect.stringContaining('tidal') })
  const limited = await aKeyWith(t(), { permissions: ['prompts:read', 'relationships:read'], categories: ['w1', 'w2'] })
  const shown = (await limited('GET', `/prompts/${own.id}/related`)).body.items.map(({ id }: Related) => id)
  expect([shown[0], shown.includes(hidden.id)]).toEqual([twin.id, false])
})

test('documents in common count by how many of all they are, also across categories, and name the prompts that the caller may see alone', async () => {
  const documents: string[] = []
  for (const title of ['Handbook', 'Glossary', 'Tone', 'Law', 'Other'])
    documents.push((await t().owner('POST', '/documents', { title, text: title })).body.id)
  const linked = async (category: string, content: string, which: readonly number[]) => {
    const prompt = await aPrompt(t().owner, { category, content })
    for (const i of which) expect((await t().owner('PUT', `/prompts/${prompt.id}/documents/${documents[i]}`, {})).status).toBe(200)
    return prompt
  }
  const own = await linked('d1', 'Applaud.', [0, 1, 2, 3])
  const most = await linked('d2', 'Boil rice.', [0, 1, 2, 3, 4])
  const one = await linked('d3', 'Climb mountains.', [1])
  const gone = await linked('d3', 'Dance.', [0])
  await linked('d4', 'Sing.', [4])
  await t().owner('DELETE', `/prompts/${gone.id}`)
  const items = await related(own.id)
  expect(items.map(({ id, parts, reasons }) => [id, parts.sharedUse, reasons])).toEqual([
    [most.id, 0.8, [{ kind: 'documents', score: 0.8, detail: 'Documents in common: Handbook, Glossary, Tone and 1 more.' }]],
    [one.id, 0.25, [{ kind: 'documents', score: 0.25, detail: 'Documents in common: Glossary.' }]],
  ])
  const limited = await aKeyWith(t(), { permissions: ['prompts:read', 'relationships:read'], categories: ['d1', 'd3'] })
  expect((await limited('GET', `/prompts/${own.id}/related`)).body.items.map(({ id }: Related) => id)).toEqual([one.id])
})

test('a prompt that is gone has none, and a lonely one has an empty list', async () => {
  const lonely = await aPrompt(t().owner, { category: 'alone', content: 'Xylophone.' })
  expect(await related(lonely.id)).toEqual([])
  await t().owner('DELETE', `/prompts/${lonely.id}`)
  expect(verdict(await t().owner('GET', `/prompts/${lonely.id}/related`))).toEqual([404, 'prompt.not_found'])
})

test('large and strange contents are compared without harm', async () => {
  const chat = [
    {
      role: 'user',
      parts: [
        { type: 'text', text: 'Look at this picture of a cat' },
        { type: 'image_url', url: 'x' },
      ],
    },
    { placeholder: 'history' },
  ]
  const own = await aPrompt(t().owner, { category: 'odd', content: chat })
  await aPrompt(t().owner, { category: 'odd', content: 'word '.repeat(200_000) })
  const cat = await aPrompt(t().owner, { category: 'odd', content: [{ role: 'user', content: 'A picture of a cat' }] })
  expect((await related(own.id)).map(({ id }) => id)).toContain(cat.id)
})
