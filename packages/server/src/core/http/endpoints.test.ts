import type { TSchema } from 'typebox'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestAnswer, type TestApp } from '../../testing/index.ts'
import type { AnyEndpoint } from '../endpoint.ts'
import { errorCatalogue } from '../errors.ts'
import { addressOf, bodyOf, endpointsOf, type Fixtures, makeFixtures } from '../testing/walk.ts'

let t: TestApp
let all: readonly AnyEndpoint[]
let mine: Fixtures
beforeAll(async () => {
  t = await startTestApp()
  all = endpointsOf(t)
  mine = await makeFixtures(t.owner, t.database)
})
afterAll(() => t.stop())

/** Call every endpoint and list those that did not do as expected. */
async function walk(
  call: (e: AnyEndpoint) => Promise<TestAnswer>,
  objection: (e: AnyEndpoint, answer: TestAnswer) => string | undefined,
): Promise<string[]> {
  const wrong: string[] = []
  for (const e of all) {
    const objected = objection(e, await call(e))
    if (objected) wrong.push(`${e.name}: ${objected}`)
  }
  return wrong
}

describe('every endpoint says what it is', () => {
  test('there are endpoints to look at', () => expect(all.length).toBeGreaterThan(24))

  test('names are context.verb, and no two are the same', () => {
    const names = all.map(({ name }) => name)
    expect(names.filter((name) => !/^[a-z][A-Za-z]*\.[a-z][A-Za-z]*$/.test(name))).toEqual([])
    expect(new Set(names).size).toBe(names.length)
  })

  test('no two share a method and a path, whatever their parameters are called', () => {
    const addresses = all.map(({ method, path }) => `${method} ${path.replace(/:[A-Za-z]+/g, ':')}`)
    expect(addresses.filter((address, i) => addresses.indexOf(address) !== i)).toEqual([])
  })

  test('each has an access rule of the form context:verb and a summary of one line without a full stop', () => {
    expect(all.filter(({ access }) => !/^[a-z][a-z_-]*:[a-z_]+$/.test(access)).map(({ name }) => name)).toEqual([])
    expect(all.filter(({ summary }) => !/^[A-Z][^\n]{5,149}[^.\s]$/.test(summary)).map(({ name }) => name)).toEqual([])
  })

  test('only reads are allowed to readers: what changes state needs another permission than :read', () => {
    const changing = all.filter(({ method, readOnly }) => method !== 'GET' && !readOnly)
    expect(changing.filter(({ access }) => access.endsWith(':read')).map(({ name }) => name)).toEqual([])
    expect(all.filter(({ method, access }) => method === 'GET' && !access.endsWith(':read')).map(({ name }) => name)).toEqual([])
  })

  test('path parameters are those of the schema', () => {
    const wrong = all.filter(
      ({ path, params }) =>
        [...path.matchAll(/:([A-Za-z]+)/g)]
          .map((m) => m[1])
          .sort()
          .join() !==
        Object.keys(params?.properties ?? {})
          .sort()
          .join(),
    )
    expect(wrong.map(({ name }) => name)).toEqual([])
  })

  test('the errors that it declares are kinds of the catalogue, each once', () => {
    const known = new Set(errorCatalogue())
    expect(
      all
        .filter(({ errors = [] }) => errors.some((kind) => !known.has(kind)) || new Set(errors).size !== errors.length)
        .map(({ name }) => name),
    ).toEqual([])
  })

  test('one that names something by its id declares what happens when there is none', () => {
    const silent = all.filter(({ params, errors = [] }) => params?.properties.id && !errors.some(({ status }) => status === 404))
    expect(silent.map(({ name }) => name)).toEqual([])
  })

  test('objects that are sent refuse unknown fields, but measurements, which keep them', () => {
    const isOpen = (schema: TSchema | undefined) =>
      schema !== undefined && (schema as { additionalProperties?: unknown }).additionalProperties !== false
    expect(
      all
        .filter(({ params, query, body, load }) => [params, query, load === 'measurement' ? undefined : body].some(isOpen))
        .map(({ name }) => name),
    ).toEqual([])
  })

  test('every field of path, query and body is described', () => {
    const missing = all.flatMap((e) => [e.params, e.query, e.body].flatMap((schema) => (schema ? undescribed(schema, e.name) : [])))
    expect(missing).toEqual([])
  })
})

/** Fields without a description of their own. An array speaks through its items, a union through its only part that is not null. */
function undescribed(schema: TSchema, at: string): string[] {
  const { properties, items, anyOf } = schema as { properties?: Record<string, TSchema>; items?: TSchema; anyOf?: TSchema[] }
  const below = [
    ...Object.entries(properties ?? {}).flatMap(([name, field]) => [
      ...(isDescribed(field) ? [] : [`${at}/${name}`]),
      ...undescribed(field, `${at}/${name}`),
    ]),
    ...(items ? undescribed(items, at) : []),
    ...(anyOf ?? []).flatMap((part) => undescribed(part, at)),
  ]
  return [...new Set(below)]
}
const isDescribed = (schema: TSchema): boolean => {
  const { description, $id, items, anyOf = [] } = schema as { description?: string; $id?: string; items?: TSchema; anyOf?: TSchema[] }
  const parts = anyOf.filter(({ type }: TSchema & { type?: string }) => type !== 'null')
  return Boolean(description || $id || (items && isDescribed(items)) || (parts.length === 1 && isDescribed(parts[0]!)))
}

describe('every endpoint asks who is calling', () => {
  test('without a key it answers 401 with WWW-Authenticate', async () => {
    const wrong = await walk(
      (e) => t.anonymous(e.method, addressOf(e, mine), bodyOf(e, mine)),
      (_, { status, body, headers }) =>
        status === 401 && body.code === 'auth.required' && headers.get('www-authenticate')?.startsWith('Bearer')
          ? undefined
          : `${status} ${body.code}`,
    )
    expect(wrong).toEqual([])
  })

  test('with a key that may do everything else it answers 403, naming the permission', async () => {
    const permissions = [...new Set(all.map(({ access }) => access))]
    for (const missing of permissions) {
      const call = await t.as(...permissions.filter((permission) => permission !== missing))
      for (const e of all.filter(({ access }) => access === missing)) {
        const { status, body } = await call(e.method, addressOf(e, mine), bodyOf(e, mine))
        expect([e.name, status, body.code, body.permission, body.detail.includes(missing)]).toEqual([
          e.name,
          403,
          'auth.forbidden',
          missing,
          true,
        ])
      }
    }
  })

  test('a key without any permission may nothing', async () => {
    const nobody = await t.as()
    expect(
      await walk(
        (e) => nobody(e.method, addressOf(e, mine), bodyOf(e, mine)),
        (_, { status }) => (status === 403 ? undefined : String(status)),
      ),
    ).toEqual([])
  })
})

describe('another workspace', () => {
  /** What an endpoint without parameters answers to somebody who names another workspace's things in the body, or nothing at all. */
  const withoutParams: Readonly<Record<string, (answer: TestAnswer) => unknown>> = {
    'prompts.create': ({ status }) => status === 201,
    'prompts.list': ({ body }) => body.items.length === 0 && body.total === 0,
    'prompts.categories': ({ body }) => body.items.length === 0,
    'prompts.tags': ({ body }) => body.items.length === 0,
    'prompts.search': ({ status, body }) => status === 200 && body.items.length === 0 && body.suggestions.length === 0,
    'prompts.resolve': ({ status }) => status === 404,
    'prompts.batchGet': ({ status, body }) => status === 200 && body.items[0] === null && body.errors[0].problem.status === 404,
    'documents.create': ({ status }) => status === 201,
    'documents.list': ({ body }) => body.items.length === 0,
    'documents.prompts': ({ status }) => status === 400,
    'bulk.create': ({ status }) => status === 202,
    'bulk.update': ({ status }) => status === 202,
    'bulk.delete': ({ status }) => status === 202,
    'bulk.deletePrompts': ({ status }) => status === 202,
    'bulk.tag': ({ status }) => status === 202,
    'bulk.list': ({ body }) => body.items.every(({ id }: { id: string }) => id !== mine.ids.bulk),
    'lifecycle.counts': ({ body }) => body.total === 0,
    'lifecycle.rules': ({ status }) => status === 200,
    'reviews.list': ({ body }) => body.items.length === 0,
    'policies.list': ({ body }) => body.items.length === 0,
    'policies.put': ({ status, body }) => status === 200 && body.revision === 1,
    'policies.delete': ({ status }) => status === 204, // the one that it has just put there itself
    'lifecycle.bulk': ({ status, body }) => status === 200 && body.items[0] === null && body.errors[0].problem.status === 404,
    'lifecycle.automations': ({ body }) => body.items.every(({ id }: { id: string }) => id !== mine.ids.lifecycle),
    'lifecycle.saveAutomations': ({ status, body }) => status === 200 && body.items[0].id !== mine.ids.lifecycle,
    'lifecycle.automationRuns': ({ body }) => body.items.every(({ id }: { id: string }) => id !== mine.runId),
    'lifecycle.dryRunAutomation': ({ status }) => status === 202,
    'relationships.stats': ({ body }) => body.total === 0 && body.prompts === 0,
    'relationships.validate': ({ body }) =>
      body.valid === false && body.problems.every((p: { prompts: unknown[] }) => p.prompts.length === 0),
    'jobs.listDead': ({ body }) => body.items.length === 0,
    'audit.list': ({ body }) => body.items.every(({ actor }: { actor: string }) => actor !== 'bootstrap'),
    'audit.export': ({ status, text }) => status === 200 && !text.includes('bootstrap'),
    'audit.verify': ({ body }) => body.ok && body.workspaceId !== '00000000-0000-7000-8000-000000000001',
    'analytics.recordUsage': ({ status, body }) => status === 422 && body.code === 'measurement.prompt_unknown',
    'analytics.recordSatisfaction': ({ status, body }) => status === 422 && body.code === 'measurement.prompt_unknown',
    'analytics.dashboard': ({ body }) => body.points.length === 0 && body.totals.requests === 0,
    'analytics.summary': ({ body }) => body.topPrompts.length === 0 && body.totals.requests === 0,
    'analytics.usage': ({ body }) => body.items.length === 0,
    'analytics.performance': ({ body }) => body.items.length === 0,
    'analytics.prices': ({ body }) =>
      body.unknownModels.length === 0 && body.items.every(({ model }: { model: string }) => model === 'my-own'),
    'analytics.setPrices': ({ status, body }) => status === 200 && body.unknownModels.length === 0,
    'analytics.trends': ({ body }) => body.metrics.every(({ points }: { points: unknown[] }) => points.length === 0),
    'analytics.costs': ({ body }) => body.items.length === 0 && body.savings.length === 0,
    'analytics.alerts': ({ body }) => body.items.every(({ savedBy }: { savedBy: string }) => savedBy !== 'bootstrap'),
    'analytics.setAlerts': ({ status, body }) => status === 200 && body.items.length === 1,
    'analytics.settings': ({ status }) => status === 200,
    'analytics.changeSettings': ({ status }) => status === 200,
    'analytics.export': ({ status, text }) => status === 200 && text === '',
    'analytics.erasePerson': ({ status, body }) => status === 200 && body.events === 0,
    'workspaces.create': ({ status }) => status === 403,
    'workspaces.list': ({ body }) => body.items.length === 1 && body.items[0].id !== mine.ids.workspaces,
    'members.list': ({ body }) => body.items.length === 0,
    'invitations.create': ({ status }) => status === 201,
    'invitations.list': ({ body }) => body.items.every(({ id }: { id: string }) => id !== mine.ids.invitations),
    'roles.create': ({ status }) => status === 201,
    'roles.list': ({ body }) => body.items.every(({ id }: { id: string }) => id !== mine.ids.roles),
    'apiKeys.create': ({ status }) => status === 201,
    'apiKeys.list': ({ body }) => body.items.every(({ id }: { id: string }) => id !== mine.ids['api-keys']),
    'labels.list': ({ body }) => body.items.every(({ label }: { label: string }) => label !== 'walked'),
    'labels.protect': ({ status, body }) => status === 200 && body.revision === 1,
    'access.check': ({ status }) => status === 200,
    'access.explain': ({ status }) => status === 200,
    'notifications.events': ({ body }) => body.items.every(({ data }: { data: { category?: string } }) => data.category !== mine.category),
    'notifications.stream': ({ status, text }) => status === 200 && !text.includes(mine.id),
    'notifications.eventTypes': ({ status }) => status === 200,
    'notifications.trigger': ({ status }) => status === 202,
    'notifications.stats': ({ status, body }) =>
      status === 200 && body.events.byType.every(({ type }: { type: string }) => type !== 'prompt.forked'),
    'notifications.cleanup': ({ body }) => body.deleted.events === 0,
    'webhooks.create': ({ status }) => status === 201,
    'webhooks.list': ({ body }) => body.items.every(({ id }: { id: string }) => id !== mine.ids.webhooks),
    'notifications.process': ({ body }) => body.processed === 0,
    'abTests.create': ({ status }) => status === 404,
    'abTests.list': ({ body }) => body.items.length === 0,
    'abTests.analyze': ({ body }) => body.pValue === 1,
    'abTests.sampleSize': ({ status }) => status === 200,
    'cache.stats': ({ status }) => status === 200,
    'cache.entries': ({ body }) => body.items.length === 0,
    'cache.invalidate': ({ body }) => body.invalidated === 0,
    'cache.warmup': ({ body }) => body.warmed === 0 && body.failed === 1,
  }
  /** What a stranger asked for in vain is remembered in its own part of the cache, and what it makes fills its lists: those are looked at first. */
  const rank = ({ name }: AnyEndpoint) => (name === 'prompts.create' ? 2 : name.startsWith('cache.') ? 0 : 1)
  const ordered = () => [...all].sort((a, b) => rank(a) - rank(b))

  test('gets 404 for every id, and empty lists, from every endpoint', async () => {
    const stranger = await t.stranger()
    const before = (await t.owner('GET', `/prompts/${mine.id}`)).body
    await t.owner('GET', `/prompts/search/${encodeURIComponent(mine.category)}/${encodeURIComponent(mine.name)}`)
    const wrong: string[] = []
    for (const e of ordered()) {
      const total = e.name === 'prompts.list' ? '?includeTotal=true' : ''
      const answer = await stranger(e.method, addressOf(e, mine) + total, bodyOf(e, mine))
      const fits = e.path.includes(':') && !withoutParams[e.name] ? isAbsent(e, answer) : withoutParams[e.name]?.(answer)
      if (fits === undefined) throw new Error(`${e.name}: say in this test what it answers to another workspace`)
      if (!fits) wrong.push(`${e.name}: ${answer.status} ${answer.text.slice(0, 200)}`)
    }
    expect(wrong).toEqual([])
    expect((await t.owner('GET', `/prompts/${mine.id}`)).body).toEqual(before)
  })

  /** An id is 404; a list by category or tag may also be empty. */
  const isAbsent = (e: AnyEndpoint, { status, body }: TestAnswer): boolean =>
    status === 404 || (!e.path.includes(':id') && status === 200 && body.items?.length === 0)

  test('is told the same for an id that exists elsewhere as for one that never was', async () => {
    const stranger = await t.stranger()
    const nowhere = { ...mine, id: '01900000-0000-7000-8000-000000000000' }
    for (const e of all.filter(({ path }) => path.includes(':id'))) {
      const [elsewhere, never] = await Promise.all([mine, nowhere].map((f) => stranger(e.method, addressOf(e, f), bodyOf(e, f))))
      const told = ({ status, body }: TestAnswer) => ({
        status,
        code: body.code,
        detail: body.detail.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, ':id'),
      })
      expect({ [e.name]: told(elsewhere!) }).toEqual({ [e.name]: told(never!) })
    }
  })

  test('an id of a wrong form is 404 too, and so is one in capitals', async () => {
    for (const id of ['1', 'null', `${mine.id}x`, mine.id.toUpperCase()]) expect(await walkIds({ ...mine, id })).toEqual([])
  })
  test.each([
    ['/prompts/x/documents/x', 'prompt.not_found'],
    ['/prompts/:id/documents/x', 'document.not_found'],
    ['/prompts/:id/versions/0', 'version.not_found'],
    ['/prompts/:id/labels/Upper/history', 'prompt.not_found'],
    ['/relationships/x', 'relationship.not_found'],
    ['/prompts/lifecycle/nowhere', 'route.not_found'],
  ])('%s says of which thing there is none: %s', async (path, code) => {
    const method = path.endsWith('/documents/x') ? 'PUT' : 'GET'
    const answer = await t.owner(method, path.replace(':id', mine.id), method === 'PUT' ? {} : undefined)
    expect([answer.status, answer.body.code]).toEqual([404, code])
  })
  const walkIds = (fixtures: Fixtures) =>
    walk(
      (e) => t.owner(e.method, e.path.includes(':id') ? addressOf(e, fixtures) : '/nothing', bodyOf(e, fixtures)),
      (_, { status, body }) => (status === 404 && body.type === `/docs/errors/${body.code}` ? undefined : `${status}`),
    )

  test('the walk knows every endpoint: it fails for a parameter, and for a body, that it was not told of', () => {
    const [some] = all
    expect(() => addressOf({ ...some!, path: '/things/:thing' }, mine)).toThrow('teach')
    expect(() => bodyOf({ ...all.find(({ body }) => body)!, name: 'things.make' }, mine)).toThrow('teach')
  })
})
