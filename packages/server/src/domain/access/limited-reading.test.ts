import { beforeAll, describe, expect, test } from 'vitest'
import type { AnyEndpoint } from '../../core/endpoint.ts'
import { addressOf, bodyOf, endpointsOf, type Fixtures, makeFixtures } from '../../core/testing/walk.ts'
import { aPrompt, aVersion, servePath, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import { permissions } from './model/roles.ts'
import { aKeyWith, type KeyCall } from './testing/rights-kit.ts'

const app = sharedApp()
const marker = 'geheim4711'

/** All that reads, but not the audit trail: it is of the whole workspace, and names prompts. */
const reading = permissions.filter((one) => one.endsWith(':read') && one !== 'audit:read')

describe('a key that may read another category only', () => {
  let mine: Fixtures
  let limited: KeyCall
  let readers: readonly AnyEndpoint[]
  beforeAll(async () => {
    const t = app()
    mine = await makeFixtures(t.owner, t.database)
    const secret = { content: `${marker} {{who}}`, description: marker, tags: ['walked', marker] }
    expect((await t.owner('PUT', `/prompts/${mine.id}`, secret)).status).toBe(200)
    expect((await t.owner('PUT', `/prompts/${mine.id}/labels/production`, { version: 3 })).status).toBe(200)
    limited = await aKeyWith(t, { permissions: reading, categories: ['elsewhere'] })
    readers = endpointsOf(t).filter(({ method, readOnly, access }) => (method === 'GET' || readOnly) && reading.includes(access))
  })

  test('is not shown a hidden prompt by any endpoint that reads, though the owner is by many', async () => {
    const leaks: string[] = []
    const shown: string[] = []
    for (const e of readers) {
      const call = [e.method, addressOf(e, mine), bodyOf(e, mine)] as const
      const [answer, control] = [await limited(...call), await app().owner(...call)]
      if (answer.text.includes(marker) || answer.status >= 500) leaks.push(`${e.name}: ${answer.status} ${answer.text.slice(0, 200)}`)
      if (control.text.includes(marker)) shown.push(e.name)
    }
    expect(leaks).toEqual([])
    expect(shown.length).toBeGreaterThan(8)
  })

  test('is told 404 for its id, by every endpoint that reads below it, as for one that never was', async () => {
    const below = readers.filter(({ path }) => path.startsWith('/prompts/:id'))
    expect(below.length).toBeGreaterThan(5)
    const wrong: string[] = []
    for (const e of below) {
      const nowhere = { ...mine, id: '01900000-0000-7000-8000-000000000000' }
      const [hidden, never] = [
        await limited(e.method, addressOf(e, mine), bodyOf(e, mine)),
        await limited(e.method, addressOf(e, nowhere), bodyOf(e, mine)),
      ]
      if (hidden.status !== 404 || hidden.body.code !== never.body.code || never.status !== 404)
        wrong.push(`${e.name}: ${hidden.status} ${hidden.text}`)
    }
    expect(wrong).toEqual([])
  })

  test('is refused by name, whether the prompt is there or not, from the fast lane too', async () => {
    for (const name of [mine.name, 'nothing'])
      for (let n = 0; n < 3; n++) {
        await app().owner('GET', servePath({ category: mine.category, name }))
        expect(verdict(await limited('GET', servePath({ category: mine.category, name })))).toEqual([403, 'auth.forbidden'])
      }
    const { body } = await limited('POST', '/prompts/batch-get', { items: [{ id: mine.id }, { category: mine.category, name: mine.name }] })
    expect([body.items, body.errors.map(({ problem }: { problem: { status: number } }) => problem.status)]).toEqual([
      [null, null],
      [404, 403],
    ])
  })

  test('reads its own as everybody does, and no prompt that has moved away under its former name', async () => {
    const t = app()
    const own = await aPrompt(t.owner, { category: 'elsewhere' })
    for (let n = 0; n < 3; n++) expect((await limited('GET', servePath(own))).body.content).toBe('Hello {{name}}')
    expect((await limited('GET', '/prompts')).body.items.map(({ id }: { id: string }) => id)).toEqual([own.id])
    await t.owner('PUT', `/prompts/${own.id}`, { category: 'gone' })
    for (let n = 0; n < 3; n++) expect(verdict(await limited('GET', servePath(own)))).toEqual([403, 'auth.forbidden'])
    expect(verdict(await limited('GET', `/prompts/${own.id}`))).toEqual([404, 'prompt.not_found'])
  })

  test('does not come by a hidden text through a copy or an include', async () => {
    const t = app()
    const writer = await aKeyWith(t, { permissions: ['prompts:read', 'prompts:write'], categories: ['writing'] })
    const hidden = await aPrompt(t.owner, { category: 'hidden', name: 'part', content: marker })
    const including = await writer('POST', '/prompts', { content: '{{> hidden/part@production}}', category: 'writing' })
    expect(verdict(including)).toEqual([422, 'include.not_found'])
    expect(verdict(await writer('POST', `/prompts/${hidden.id}/fork`, { name: 'copy', category: 'writing' }))).toEqual([
      404,
      'prompt.not_found',
    ])
    const given = await aPrompt(t.owner, { content: '{{> hidden/part@production}}', category: 'writing' })
    expect((await writer('PUT', `/prompts/${given.id}/content`, { content: 'More: {{> hidden/part@production}}' })).status).toBe(200)
  })
})

describe('a key that may read by one label only', () => {
  test('is served that label, no other, no number, and does not see the history', async () => {
    const t = app()
    const key = await aKeyWith(t, { permissions: ['prompts:read'], labels: ['production'] })
    const prompt = await aPrompt(t.owner, { labels: ['production', 'staging'] })
    await aVersion(t.owner, prompt, 'not yet')
    await t.owner('PUT', `/prompts/${prompt.id}/labels/staging`, { version: 2 })
    for (let n = 0; n < 3; n++) {
      for (const query of ['', 'label=staging', 'version=1']) await t.owner('GET', servePath(prompt, query))
      expect(verdict(await key('GET', servePath(prompt)))).toEqual([200])
      expect(verdict(await key('GET', servePath(prompt, 'label=staging')))).toEqual([403, 'auth.forbidden'])
      expect(verdict(await key('GET', servePath(prompt, 'version=1')))).toEqual([403, 'auth.forbidden'])
    }
    expect((await key('GET', `/prompts/${prompt.id}?label=production`)).body.version).toBe(1)
    for (const path of ['', '?version=1', '?label=staging', '?label=unset', '/versions', '/versions/2', '/versions/1/diff/2', '/used-by'])
      expect([path, verdict(await key('GET', `/prompts/${prompt.id}${path}`))]).toEqual([path, [404, 'prompt.not_found']])
    expect((await key('GET', '/prompts')).body.items).toEqual([])
    expect(verdict(await key('POST', `/prompts/${prompt.id}/render`, { variables: { name: 'n' } }))).toEqual([200])
    expect(verdict(await key('POST', `/prompts/${prompt.id}/render`, { version: 2 }))).toEqual([403, 'auth.forbidden'])
    expect(verdict(await key('POST', '/prompts/01900000-0000-7000-8000-000000000000/render', {}))).toEqual([404, 'prompt.not_found'])
  })
})
