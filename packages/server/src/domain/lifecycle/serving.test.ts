import { describe, expect, test } from 'vitest'
import { bootstrapKey, clientOf, startTestApp } from '../../testing/index.ts'
import { aPrompt, aVersion, servePath, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'

const t = sharedApp()
type Called = { id: string; category: string; name: string }
const moved = async ({ id }: Called, ...path: (string | object)[]) => {
  for (const to of path) {
    const answer = await t().owner('PUT', `/prompts/${id}/lifecycle`, typeof to === 'string' ? { status: to } : to)
    expect(answer.status, answer.text).toBe(200)
  }
}
const serve = (prompt: Called, query = '') => t().owner('GET', servePath(prompt, query))
const told = ({ headers }: { headers: Headers }) => ['deprecation', 'sunset', 'link'].map((name) => headers.get(name))
const nothing = [null, null, null]

/** Every way to be served a prompt: what each answers, by label or by version. */
async function everyWay({ id, category, name }: Called, which: { label?: string; version?: number }) {
  const query = which.label === undefined ? `version=${which.version}` : `label=${which.label}`
  const [item, plain] = [
    { id, ...which },
    { category, name, ...which },
  ]
  const batch = (await t().owner('POST', '/prompts/batch-get', { items: [item, plain] })).body
  const inBatch = (index: number) =>
    batch.items[index]
      ? [200]
      : batch.errors.filter((e: { index: number }) => e.index === index).flatMap(({ problem }: never) => verdictOf(problem))
  return [
    verdict(await serve({ id, category, name }, query)),
    // The second time it is answered from the cache.
    verdict(await serve({ id, category, name }, query)),
    verdict(await serve({ id, category, name }, `${query}&var.name=Ada`)),
    verdict(await t().owner('POST', '/prompts/resolve', plain)),
    verdict(await t().owner('POST', `/prompts/${id}/render`, { ...which, variables: { name: 'Ada' } })),
    inBatch(0),
    inBatch(1),
  ]
}
const verdictOf = ({ status, code }: { status: number; code: string }) => [status, code]
const everywhere = (answer: unknown[]) => Array.from({ length: 7 }, () => answer)

describe('an archived prompt', () => {
  test('is 410 by label and 200 by pinned version, in every way to be served, and back when it is a draft again', async () => {
    const prompt = await aPrompt(t().owner)
    await aVersion(t().owner, prompt, 'two {{name}}')
    expect(await everyWay(prompt, { label: 'production' })).toEqual(everywhere([200]))
    await moved(prompt, 'archived')
    expect(await everyWay(prompt, { label: 'production' })).toEqual(everywhere([410, 'prompt.archived']))
    for (const version of [1, 2]) expect(await everyWay(prompt, { version })).toEqual(everywhere([200]))
    expect(verdict(await serve(prompt, 'label=beta'))).toEqual([404, 'label.not_found'])
    expect(verdict(await serve(prompt, 'version=3'))).toEqual([404, 'version.not_found'])
    expect((await serve(prompt, 'version=1')).body).toMatchObject({ status: 'archived', label: null })
    expect(verdict(await t().owner('GET', `/prompts/${prompt.id}?label=production`))).toEqual([200])
    await moved(prompt, 'draft')
    expect(await everyWay(prompt, { label: 'production' })).toEqual(everywhere([200]))
  })

  test('says in its 410 what to do and where its successor is, as that is called and stands now', async () => {
    const successor = await aPrompt(t().owner, { category: 'a/b' })
    const prompt = await aPrompt(t().owner)
    await moved(prompt, 'published', { status: 'deprecated', successorId: successor.id }, 'archived')
    const gone = await serve(prompt)
    expect(gone.body).toMatchObject({ promptId: prompt.id, successor: { id: successor.id, category: 'a/b', name: successor.name } })
    expect(gone.headers.get('link')).toBe(`</api/v1${servePath(successor)}>; rel="successor-version"`)
    expect(gone.headers.get('deprecation')).toMatch(/^@\d+$/)
    await t().owner('PUT', `/prompts/${successor.id}`, { name: 'renamed successor' })
    expect((await serve(prompt)).body.successor.name).toBe('renamed successor')
    await moved(successor, 'archived')
    expect([(await serve(prompt)).body.successor, (await serve(prompt)).headers.get('link')]).toEqual([undefined, null])
  })

  test('serves nothing by a name that it had before either', async () => {
    const prompt = await aPrompt(t().owner)
    await t().owner('PUT', `/prompts/${prompt.id}`, { name: `${prompt.name} new` })
    expect(verdict(await serve(prompt))).toEqual([200])
    await moved(prompt, 'archived')
    expect(verdict(await serve(prompt))).toEqual([410, 'prompt.archived'])
    expect(verdict(await serve(prompt, 'version=1'))).toEqual([200])
  })

  test('is unavailable to those who include it by a label, and there for those who pin a version', async () => {
    const part = await aPrompt(t().owner, { content: 'part' })
    const reference = `tests/${encodeURIComponent(part.name)}`
    const follower = await aPrompt(t().owner, { content: `f {{> ${reference}@production}}` })
    const pinner = await aPrompt(t().owner, { content: `p {{> ${reference}@1}}` })
    expect([verdict(await serve(follower)), verdict(await serve(pinner))]).toEqual([[200], [200]])
    await moved(part, { status: 'archived', force: true })
    for (const answer of [await serve(follower), await serve(follower, 'version=1')])
      expect([verdict(answer), answer.body.detail]).toEqual([[409, 'include.unavailable'], expect.stringContaining('archived')])
    expect((await serve(pinner)).body.resolvedContent).toBe('p part')
    await moved(part, 'draft')
    expect((await serve(follower)).body.resolvedContent).toBe('f part')
  })
})

describe('a deprecated prompt', () => {
  test('is served with Deprecation, Sunset and a link to its successor, and the same in the body, in every way', async () => {
    const successor = await aPrompt(t().owner, { name: "it's (new) 100%" })
    const prompt = await aPrompt(t().owner)
    expect(told(await serve(prompt))).toEqual(nothing)
    await moved(prompt, 'published', { status: 'deprecated', sunsetAt: '2100-01-31T12:00:00Z', successorId: successor.id })
    const { deprecatedAt } = (await t().owner('GET', `/prompts/${prompt.id}/lifecycle`)).body
    const headers = [
      `@${Math.floor(Date.parse(deprecatedAt) / 1000)}`,
      'Sun, 31 Jan 2100 12:00:00 GMT',
      `</api/v1/prompts/search/tests/it's%20(new)%20100%25>; rel="successor-version"`,
    ]
    const deprecation = {
      since: deprecatedAt,
      sunsetAt: '2100-01-31T12:00:00.000Z',
      successor: { id: successor.id, category: 'tests', name: "it's (new) 100%" },
    }
    const { id, category, name } = prompt
    const answers = [
      await serve(prompt),
      await serve(prompt),
      await serve(prompt, 'version=1'),
      await serve(prompt, 'var.name=Ada'),
      await t().owner('POST', '/prompts/resolve', { category, name }),
    ]
    for (const answer of answers) expect([told(answer), answer.body.deprecation]).toEqual([headers, deprecation])
    expect((await t().owner('POST', `/prompts/${id}/render`, { variables: { name: 'Ada' } })).body.deprecation).toEqual(deprecation)
    expect((await t().owner('POST', '/prompts/batch-get', { items: [{ id }] })).body.items[0].deprecation).toEqual(deprecation)
    const link = /<\/api\/v1([^>]+)>/.exec(headers[2]!)![1]!
    expect((await t().owner('GET', link)).body.id).toBe(successor.id)
  })

  test('follows at once what is told of it: another sunset, a renamed, deleted or restored successor, and its return', async () => {
    const successor = await aPrompt(t().owner)
    const prompt = await aPrompt(t().owner)
    await moved(prompt, 'published', 'deprecated')
    expect(told(await serve(prompt))).toEqual([expect.stringMatching(/^@\d+$/), null, null])
    await moved(prompt, { status: 'deprecated', successorId: successor.id })
    const etag = (await serve(prompt)).headers.get('etag')
    expect(told(await serve(prompt))[2]).toContain(encodeURIComponent(successor.name))
    await t().owner('PUT', `/prompts/${successor.id}`, { name: 'another name' })
    const renamed = await serve(prompt)
    expect([told(renamed)[2], renamed.headers.get('etag') === etag]).toEqual([expect.stringContaining('another%20name'), false])
    await t().owner('DELETE', `/prompts/${successor.id}`)
    expect(told(await serve(prompt))[2]).toBeNull()
    await moved(prompt, { status: 'deprecated', sunsetAt: '2100-01-01T00:00:00Z' }, 'published')
    expect([told(await serve(prompt)), (await serve(prompt)).body.deprecation]).toEqual([nothing, undefined])
  })

  test('is told to be so on a 304 too', async () => {
    const prompt = await aPrompt(t().owner)
    await moved(prompt, 'published', 'deprecated')
    const etag = (await serve(prompt)).headers.get('etag')!
    for (let i = 0; i < 2; i++) {
      const answer = await t().owner('GET', servePath(prompt), undefined, { 'if-none-match': etag })
      expect([answer.status, answer.headers.get('deprecation')]).toEqual([304, expect.stringMatching(/^@\d+$/)])
    }
  })
})

test('a move is seen by another instance within a second, with its cache warm', async () => {
  const other = await startTestApp({ database: t().database })
  try {
    const there = clientOf(other.url, bootstrapKey)
    const prompt = await aPrompt(t().owner)
    const seen = async () => verdict(await there('GET', servePath(prompt)))
    await expect.poll(seen).toEqual([200])
    await moved(prompt, 'archived')
    await expect.poll(seen).toEqual([410, 'prompt.archived'])
    await moved(prompt, 'draft')
    await expect.poll(seen).toEqual([200])
  } finally {
    await other.stop()
  }
})
