import type { Call, TestApp } from '../../testing/index.ts'
import type { AnyEndpoint } from '../endpoint.ts'

/** All endpoints of the product. */
export const endpointsOf = (t: TestApp): readonly AnyEndpoint[] => t.app.modules.flatMap(({ endpoints }) => endpoints)

/** Values for path parameters, of things that exist. */
export type Fixtures = Readonly<Awaited<ReturnType<typeof makeFixtures>>>

/** Make, in the caller's workspace, one of everything that a path can name. */
export async function makeFixtures(call: Call) {
  const category = 'walk/kategorie'
  const name = 'einer & alle'
  const made = await call('POST', '/prompts', {
    content: 'Hi {{who}}',
    category,
    name,
    tags: ['walked'],
    labels: ['production', 'staging'],
  })
  const id: string = made.body.id
  await call('PUT', `/prompts/${id}/content`, { content: 'Hello {{who}}' })
  await call('PUT', `/prompts/${id}/labels/staging`, { version: 2 })
  const otherId: string = (await call('POST', '/prompts', { content: 'Related', category, name: 'andere' })).body.id
  const relationshipId: string = (await call('POST', `/prompts/${id}/relationships`, { targetId: otherId, type: 'references' })).body.id
  const documentId: string = (await call('POST', '/documents', { title: 'Walked', text: 'Read me' })).body.id
  await call('PUT', `/prompts/${id}/documents/${documentId}`, {})
  const fixed = { version: '1', a: '1', b: '2', label: 'staging', category, name, tag: 'walked', status: 'draft' }
  return { ...fixed, id, otherId, relationshipId, documentId }
}

/** The address of an endpoint with its parameters filled. @throws for a parameter that the fixtures do not know */
export const addressOf = ({ name: endpoint, path }: AnyEndpoint, fixtures: Fixtures): string =>
  path.replace(/:([A-Za-z]+)/g, (_, name: string) => {
    const value = (fixtures as Readonly<Record<string, string>>)[name]
    if (value === undefined) throw new Error(`${endpoint}: teach core/testing/walk.ts to make a ":${name}"`)
    return encodeURIComponent(value)
  })

/** What the query of an endpoint must say, for those that need something. */
export const queryOf = ({ name }: AnyEndpoint, { documentId }: Fixtures): string =>
  name === 'documents.prompts' ? `documentId=${documentId}` : ''

type Bodies = Readonly<Record<string, (f: Fixtures) => Record<string, unknown>>>

/** For each endpoint that takes a body one that it accepts, with at least one text in it. */
const bodies: Bodies = {
  'prompts.create': () => ({ content: 'New' }),
  'prompts.update': () => ({ description: 'Changed' }),
  'prompts.updateContent': () => ({ content: 'Changed' }),
  'prompts.fork': () => ({ name: `fork ${Math.random()}` }),
  'prompts.rollback': () => ({ reason: 'Better' }),
  'prompts.redact': () => ({ reason: 'Personal data' }),
  'prompts.setLabel': () => ({ version: 1, reason: 'Why not' }),
  'prompts.revertLabel': () => ({ reason: 'Back' }),
  'prompts.resolve': ({ category, name }) => ({ category, name }),
  'prompts.render': () => ({ label: 'production', variables: { who: 'you' } }),
  'prompts.batchGet': ({ id }) => ({ items: [{ id }] }),
  'lifecycle.validate': () => ({ status: 'review' }),
  'lifecycle.move': () => ({ status: 'review', reason: 'Ready' }),
  'lifecycle.bulk': ({ id }) => ({ promptIds: [id], status: 'published', reason: 'Good' }),
  'relationships.create': ({ otherId }) => ({ targetId: otherId, type: 'similar' }),
  'relationships.setStrength': () => ({ strength: 0.5 }),
  'relationships.validate': ({ id, otherId }) => ({ sourceId: id, targetId: otherId, type: 'extends' }),
  'documents.create': () => ({ title: 'New', text: 'Read this' }),
  'documents.update': () => ({ title: 'Changed' }),
  'documents.link': () => ({ note: 'For context', position: 1 }),
  'cache.invalidate': ({ id }) => ({ promptId: id }),
  'cache.warmup': ({ category, name }) => ({ items: [{ category, name }] }),
}

/** @throws for an endpoint that takes a body and is not known here */
export function bodyOf(e: AnyEndpoint, fixtures: Fixtures): Record<string, unknown> | undefined {
  if (!e.body) return undefined
  const make = bodies[e.name]
  if (!make) throw new Error(`${e.name}: teach core/testing/walk.ts a body that it accepts`)
  return make(fixtures)
}
