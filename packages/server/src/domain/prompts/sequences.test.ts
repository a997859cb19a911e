import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import { servePath, verdict } from './testing/prompt-kit.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

/** What a prompt is, as simply as can be said. */
type Simple = { id: string; name: string; contents: string[]; labels: Map<string, number>; deleted: boolean }
type World = { prompts: Simple[]; category: string }

/** One step: what is called, what it should answer, and what follows in the simple model. A failing run lists the steps as told. */
type Step = (world: World) => Promise<unknown>
const step = (told: string, act: Step): Step => Object.assign(act, { [fc.toStringMethod]: () => told })

const pick = <T>(items: readonly T[], n: number): T | undefined => items[n % Math.max(1, items.length)]
const label = fc.constantFrom('production', 'beta', 'constructor')
const content = fc.constantFrom('a', 'b', 'c {{x}}', '{{#if}}', '🙂')
const index = fc.nat({ max: 9 })

const create = fc.tuple(content, fc.option(fc.uniqueArray(label), { nil: undefined })).map(([text, labels]) =>
  step(`create "${text}" under ${labels?.join() ?? 'the default'}`, async ({ prompts, category }) => {
    const { status, body } = await t.owner('POST', '/prompts', { content: text, category, ...(labels && { labels }) })
    expect([status, prompts.filter(({ name, deleted }) => name === body.name && !deleted)]).toEqual([201, []])
    const standing = new Map((labels ?? ['production']).map((one) => [one, 1]))
    prompts.push({ id: body.id, name: body.name, contents: [text], labels: standing, deleted: false })
  }),
)

/** A step on the n-th prompt, counted round and round. */
const onPrompt = (told: string, n: number, act: (prompt: Simple, world: World) => Promise<unknown>): Step =>
  step(`${told} of prompt ${n}`, async (world) => act(pick(world.prompts, n)!, world))
const gone = [404, 'prompt.not_found']

const update = fc.tuple(index, content).map(([n, text]) =>
  onPrompt(`content "${text}"`, n, async (prompt) => {
    const answer = await t.owner('PUT', `/prompts/${prompt.id}/content`, { content: text })
    if (prompt.deleted) return expect(verdict(answer)).toEqual(gone)
    if (prompt.contents.at(-1) !== text) prompt.contents.push(text)
    return expect([answer.status, answer.body.version]).toEqual([200, prompt.contents.length])
  }),
)

const setLabel = fc.tuple(index, label, index).map(([n, name, at]) =>
  onPrompt(`label ${name} on ${at}`, n, async (prompt) => {
    const version = (at % (prompt.contents.length + 1)) + 1
    const answer = await t.owner('PUT', `/prompts/${prompt.id}/labels/${name}`, { version })
    if (prompt.deleted) return expect(verdict(answer)).toEqual(gone)
    if (version > prompt.contents.length) return expect(verdict(answer)).toEqual([404, 'version.not_found'])
    expect([answer.status, answer.body.previousVersion]).toEqual([200, prompt.labels.get(name) ?? null])
    return prompt.labels.set(name, version)
  }),
)

const dropLabel = fc.tuple(index, label).map(([n, name]) =>
  onPrompt(`no label ${name}`, n, async (prompt) => {
    const answer = await t.owner('DELETE', `/prompts/${prompt.id}/labels/${name}`)
    expect(verdict(answer)).toEqual(prompt.deleted ? gone : prompt.labels.delete(name) ? [204] : [404, 'label.not_found'])
  }),
)

const rollback = fc.tuple(index, index, fc.uniqueArray(label)).map(([n, at, labels]) =>
  onPrompt(`rollback to ${at} with ${labels.join()}`, n, async (prompt) => {
    const version = (at % prompt.contents.length) + 1
    const answer = await t.owner('POST', `/prompts/${prompt.id}/versions/${version}/rollback`, { labels })
    if (prompt.deleted) return expect(verdict(answer)).toEqual(gone)
    prompt.contents.push(prompt.contents[version - 1]!)
    for (const name of labels) prompt.labels.set(name, prompt.contents.length)
    return expect([answer.status, answer.body.version]).toEqual([201, prompt.contents.length])
  }),
)

const remove = index.map((n) =>
  onPrompt('deletion', n, async (prompt) => {
    expect((await t.owner('DELETE', `/prompts/${prompt.id}`)).status).toBe(prompt.deleted ? 404 : 204)
    prompt.deleted = true
  }),
)

const restore = index.map((n) =>
  onPrompt('restore', n, async (prompt, { prompts }) => {
    const isTaken = prompts.some((other) => other !== prompt && other.name === prompt.name && !other.deleted)
    const answer = await t.owner('POST', `/prompts/${prompt.id}/restore`)
    expect(verdict(answer)).toEqual(isTaken ? [409, 'prompt.name_taken'] : [200])
    prompt.deleted = isTaken
  }),
)

type Seen = { version: number; content: string; checksum: string; createdAt: string }

/** Everything that can be read is what the model says; versions are what they were when they were first seen. */
async function compare({ prompts, category }: World, versions: Map<string, Seen>): Promise<void> {
  for (const { id, contents, labels, deleted } of prompts) {
    const read = await t.owner('GET', `/prompts/${id}`)
    expect(verdict(read)).toEqual(deleted ? [404, 'prompt.not_found'] : [200])
    const list: Seen[] = deleted ? [] : (await t.owner('GET', `/prompts/${id}/versions?limit=200`)).body.items.reverse()
    if (!deleted) {
      expect(read.body).toMatchObject({ version: contents.length, content: contents.at(-1), labels: Object.fromEntries(labels) })
      expect(Object.keys(read.body.labels).sort()).toEqual([...labels.keys()].sort())
      expect(list.map(({ version, content }) => [version, content])).toEqual(contents.map((text, i) => [i + 1, text]))
    }
    for (const { version, content, checksum, createdAt } of list) {
      const key = `${id}@${version}`
      expect({ version, content, checksum, createdAt }).toEqual(versions.get(key) ?? { version, content, checksum, createdAt })
      versions.set(key, { version, content, checksum, createdAt })
    }
    for (const name of ['production', 'beta', 'constructor']) {
      const version = labels.get(name)
      const served = await t.owner('POST', '/prompts/batch-get', { items: [{ id, label: name }] })
      const told = served.body.items[0] ?? served.body.errors[0].problem.code
      if (deleted) expect(told).toBe('prompt.not_found')
      else if (version === undefined) expect(told).toBe('label.not_found')
      else expect(told).toMatchObject({ id, version, label: name, content: contents[version - 1], checksum: list[version - 1]!.checksum })
      if (deleted || version === undefined) continue
      expect((await t.owner('GET', servePath({ category, name: told.name }, `label=${name}`))).body).toEqual(told)
    }
  }
}

test('whatever is done in whatever order, everything that is read is what a simple model says', async () => {
  let run = 0
  const steps = fc.oneof(
    { weight: 2, arbitrary: create },
    { weight: 4, arbitrary: update },
    { weight: 4, arbitrary: setLabel },
    dropLabel,
    { weight: 2, arbitrary: rollback },
    remove,
    { weight: 2, arbitrary: restore },
  )
  await fc.assert(
    fc.asyncProperty(create, fc.array(steps, { minLength: 5, maxLength: 20 }), async (first, rest) => {
      const world: World = { prompts: [], category: `run ${++run}` }
      const versions = new Map<string, Seen>()
      await first(world)
      for (const [i, act] of rest.entries()) {
        await act(world)
        if (i % 5 === 4) await compare(world, versions)
      }
      await compare(world, versions)
      const gaps = await t.database.query(
        `select prompt_id from prompt_version group by prompt_id having count(*) <> max(version) or min(version) <> 1`,
      )
      const adrift = await t.database.query(
        `select 1 from prompt p join (select prompt_id, max(version) as newest from prompt_version group by 1) v on v.prompt_id = p.id where p.version <> v.newest`,
      )
      expect([gaps, adrift]).toEqual([[], []])
    }),
    { numRuns: 12, endOnFailure: true },
  )
}, 120_000)
