import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../testing/index.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

test('a prompt is created, served, changed, labelled, rendered, rolled back, deleted and restored', async () => {
  const made = await t.owner('POST', '/prompts', { content: 'Hi {{name}}', category: 'a/b', name: 'greet % it' })
  expect(made.status).toBe(201)
  const path = '/prompts/search/a%2Fb/greet%20%25%20it'
  expect((await t.owner('GET', path)).body.content).toBe('Hi {{name}}')
  const v2 = await t.owner('PUT', `/prompts/${made.body.id}/content`, { content: 'Hello {{name}}!' })
  expect([v2.status, v2.body.version]).toEqual([200, 2])
  expect((await t.owner('GET', path)).body.version).toBe(1)
  const moved = await t.owner('PUT', `/prompts/${made.body.id}/labels/production`, { version: 2 })
  expect([moved.status, moved.body]).toEqual([200, expect.objectContaining({ version: 2, previousVersion: 1 })])
  const served = await t.owner('GET', `${path}?label=production&var.name=Ada`)
  expect([served.status, served.body.rendered]).toEqual([200, 'Hello Ada!'])
  const rendered = await t.owner('POST', `/prompts/${made.body.id}/render`, { variables: { name: 'Bob' } })
  expect([rendered.status, rendered.body.text, rendered.body.tokens]).toEqual([200, 'Hello Bob!', 3])
  expect((await t.owner('GET', `/prompts/${made.body.id}/versions`)).body.items.map((v: { version: number }) => v.version)).toEqual([2, 1])
  expect((await t.owner('GET', `/prompts/${made.body.id}/versions/1/diff/2`)).status).toBe(200)
  const back = await t.owner('POST', `/prompts/${made.body.id}/versions/1/rollback`, { labels: ['production'] })
  expect([back.status, back.body.version, back.body.labels]).toEqual([201, 3, { production: 3 }])
  expect((await t.owner('GET', path)).body.version).toBe(3)
  expect((await t.owner('DELETE', `/prompts/${made.body.id}`)).status).toBe(204)
  expect((await t.owner('GET', path)).status).toBe(404)
  expect((await t.owner('POST', `/prompts/${made.body.id}/restore`)).status).toBe(200)
  expect((await t.owner('GET', path)).status).toBe(200)
})
test('another workspace sees nothing', async () => {
  const made = await t.owner('POST', '/prompts', { content: 'mine', category: 'c', name: 'n' })
  const stranger = await t.stranger()
  expect((await stranger('GET', `/prompts/${made.body.id}`)).status).toBe(404)
  expect((await stranger('GET', '/prompts/search/c/n')).status).toBe(404)
})
