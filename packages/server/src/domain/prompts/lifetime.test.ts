import { describe, expect, test } from 'vitest'
import type { Prompt } from './model/shapes.ts'
import { aPrompt, aVersion, freshName, servePath, sharedApp, verdict } from './testing/prompt-kit.ts'

const t = sharedApp()
const remove = (id: string, query = '') => t().owner('DELETE', `/prompts/${id}${query}`)
const restore = (id: string) => t().owner('POST', `/prompts/${id}/restore`)

describe('a deletion', () => {
  test('takes the prompt out of every read at once, and can be undone', async () => {
    const made = await aPrompt(t().owner, { tags: ['doomed'] })
    await aVersion(t().owner, made, 'two')
    const paths = [
      ...['', '?version=1', '/versions', '/versions/1', '/versions/1/diff/2', '/labels/production/history', '/used-by'].map(
        (rest) => `/prompts/${made.id}${rest}`,
      ),
      ...['', 'version=1', 'var.name=x'].map((query) => servePath(made, query)),
    ]
    for (const path of paths) expect((await t().owner('GET', path)).status, path).toBe(200)
    expect((await remove(made.id)).status).toBe(204)
    for (const path of paths) expect(verdict(await t().owner('GET', path)), path).toEqual([404, 'prompt.not_found'])
    expect((await t().owner('GET', '/prompts/tags/doomed')).body.items).toEqual([])
    for (const [method, path, body] of [
      ['PUT', '', { description: 'x' }],
      ['PUT', '/content', { content: 'x' }],
      ['PUT', '/labels/production', { version: 1 }],
      ['DELETE', '/labels/production', undefined],
      ['POST', '/labels/production/revert', {}],
      ['POST', '/versions/1/rollback', {}],
      ['POST', '/fork', { name: 'f' }],
      ['POST', '/render', {}],
      ['DELETE', '', undefined],
    ] as const)
      expect(verdict(await t().owner(method, `/prompts/${made.id}${path}`, body)), path).toEqual([404, 'prompt.not_found'])
    const back = await restore(made.id)
    expect([back.status, back.body.version, back.body.labels, back.body.deletedAt]).toEqual([200, 2, { production: 1 }, undefined])
    for (const path of paths) expect((await t().owner('GET', path)).status, path).toBe(200)
    expect((await restore(made.id)).body.revision).toBe(back.body.revision)
  })

  test('frees the name; who has it by then keeps it', async () => {
    const name = freshName()
    const first = await aPrompt(t().owner, { name })
    await remove(first.id)
    const second = await aPrompt(t().owner, { name })
    expect(verdict(await restore(first.id))).toEqual([409, 'prompt.name_taken'])
    await t().owner('PUT', `/prompts/${second.id}`, { name: freshName() })
    expect((await restore(first.id)).status).toBe(200)
    expect((await t().owner('GET', servePath(first))).body.id).toBe(first.id)
    await remove(first.id)
    expect(verdict(await t().owner('GET', servePath(first)))).toEqual([404, 'prompt.not_found'])
  })

  test('is refused while another prompt includes it; force needs its permission', async () => {
    const part = await aPrompt(t().owner)
    const whole = await aPrompt(t().owner, { content: `{{> tests/${part.name}}}` })
    const refused = await remove(part.id)
    expect([...verdict(refused), refused.body.usedBy]).toEqual([409, 'prompt.in_use', [`tests/${whole.name}`]])
    const editor = await t().as('prompts:read', 'prompts:write')
    const forced = await editor('DELETE', `/prompts/${part.id}?force=true`)
    expect([...verdict(forced), forced.body.permission]).toEqual([403, 'auth.forbidden', 'prompts:force'])
    const publisher = await t().as('prompts:write', 'prompts:force')
    expect((await publisher('DELETE', `/prompts/${part.id}?force=true`)).status).toBe(204)
    expect(verdict(await t().owner('GET', servePath(whole)))).toEqual([409, 'include.unavailable'])
    await restore(part.id)
    expect((await t().owner('GET', servePath(whole))).status).toBe(200)
    await t().owner('PUT', `/prompts/${whole.id}/content`, { content: 'alone' })
    expect(verdict(await remove(part.id)), 'the version under production still includes it').toEqual([409, 'prompt.in_use'])
    await t().owner('PUT', `/prompts/${whole.id}/labels/production`, { version: 2 })
    expect((await remove(part.id)).status).toBe(204)
  })
})

describe('a fork', () => {
  test('is a prompt of its own that knows its parent', async () => {
    const origin = await aPrompt(t().owner, {
      content: 'one {{x}}',
      tags: ['t'],
      metadata: { m: 1 },
      description: 'd',
      config: { model: 'm' },
      isTemplate: true,
    })
    await aVersion(t().owner, origin, 'two {{x}}')
    const fork = await t().owner('POST', `/prompts/${origin.id}/fork`, { name: freshName('fork') })
    expect([fork.status, fork.headers.get('location')]).toEqual([201, `/api/v1/prompts/${fork.body.id}`])
    expect(fork.body).toMatchObject({
      ...{ content: 'two {{x}}', version: 1, parent: { promptId: origin.id, version: 2 }, labels: { production: 1 }, category: 'tests' },
      ...{ tags: ['t'], metadata: { m: 1 }, description: 'd', config: { model: 'm' }, isTemplate: true },
    })
    expect((await t().owner('GET', `/prompts/${fork.body.id}/versions/1`)).body.changeType).toBe('fork')
    await aVersion(t().owner, fork.body, 'mine')
    expect((await t().owner('GET', `/prompts/${origin.id}`)).body.content).toBe('two {{x}}')
  })

  test('can be of an earlier version, elsewhere, and changed on the way', async () => {
    const origin = await aPrompt(t().owner, { content: 'one {{x}}', variables: [{ name: 'kept', description: 'by hand' }] })
    await aVersion(t().owner, origin, 'two')
    const changes = { content: 'three {{y}}', tags: ['new'], labels: [], changeSummary: 'why' }
    const fork = await t().owner('POST', `/prompts/${origin.id}/fork`, {
      name: freshName('fork'),
      category: 'other',
      description: 'new',
      version: 1,
      changes,
    })
    expect(fork.body).toMatchObject({
      category: 'other',
      description: 'new',
      content: 'three {{y}}',
      tags: ['new'],
      labels: {},
      parent: { version: 1 },
    })
    expect(fork.body.variables.map(({ name }: { name: string }) => name)).toEqual(['kept', 'y'])
    expect(verdict(await t().owner('POST', `/prompts/${origin.id}/fork`, { name: fork.body.name, category: 'other' }))).toEqual([
      409,
      'prompt.name_taken',
    ])
    expect(verdict(await t().owner('POST', `/prompts/${origin.id}/fork`, { name: 'f', version: 9 }))).toEqual([404, 'version.not_found'])
    const broken = await t().owner('POST', `/prompts/${origin.id}/fork`, { name: freshName('fork'), changes: { content: '{{#if}}' } })
    expect([broken.status, broken.body.engine, broken.body.warnings[0].code]).toEqual([201, 'none', 'template.stored_as_none'])
  })
})

describe('a rollback', () => {
  test('makes a new version equal to the earlier one, and moves the named labels', async () => {
    const one = await aPrompt(t().owner, { content: 'one {{x}}', config: { a: 1 } })
    await t().owner('PUT', `/prompts/${one.id}`, { content: [{ role: 'user', content: 'two' }], config: { a: 2 } })
    const back = await t().owner('POST', `/prompts/${one.id}/versions/1/rollback`, {
      reason: 'two was wrong',
      labels: ['production', 'new'],
    })
    expect([back.status, back.headers.get('location')]).toEqual([201, `/api/v1/prompts/${one.id}/versions/3`])
    expect(back.body).toMatchObject({
      version: 3,
      checksum: one.checksum,
      content: one.content,
      type: 'text',
      config: { a: 1 },
      labels: { production: 3, new: 3 },
    })
    const versions: Prompt[] = (await t().owner('GET', `/prompts/${one.id}/versions`)).body.items
    expect(versions.map(({ version, checksum }) => [version, checksum === one.checksum])).toEqual([
      [3, true],
      [2, false],
      [1, true],
    ])
    expect(versions[0]).toMatchObject({ changeType: 'rollback', changeSummary: 'two was wrong', metadata: { rollbackOf: 1 } })
    expect((await t().owner('GET', servePath(one))).body.version).toBe(3)
    const history = (await t().owner('GET', `/prompts/${one.id}/labels/production/history`)).body.items
    expect(history[0]).toMatchObject({ from: 1, to: 3, reason: 'two was wrong' })
    expect(verdict(await t().owner('POST', `/prompts/${one.id}/versions/9/rollback`, {}))).toEqual([404, 'version.not_found'])
    expect(verdict(await t().owner('POST', `/prompts/${one.id}/versions/1/rollback`, { labels: ['latest'] }))).toEqual([
      422,
      'label.reserved',
    ])
  })

  test('without labels serves nothing new', async () => {
    const one = await aPrompt(t().owner, { content: 'one' })
    await aVersion(t().owner, one, 'two')
    await t().owner('PUT', `/prompts/${one.id}/labels/production`, { version: 2 })
    const back = await t().owner('POST', `/prompts/${one.id}/versions/1/rollback`, {})
    expect([back.body.version, back.body.labels]).toEqual([3, { production: 2 }])
    expect((await t().owner('GET', servePath(one))).body.version).toBe(2)
  })
})
