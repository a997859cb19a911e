import type { Call, TestApp, TestDatabase } from '../../testing/index.ts'
import type { AnyEndpoint } from '../endpoint.ts'
import { newId } from '../ids.ts'

/** All endpoints of the product. */
export const endpointsOf = (t: TestApp): readonly AnyEndpoint[] => t.app.modules.flatMap(({ endpoints }) => endpoints)

/** Values for path parameters, of things that exist. */
export type Fixtures = Readonly<Awaited<ReturnType<typeof makeFixtures>>>

/**
 * Make, in the caller's workspace, one of everything that a path can name. `id` is the prompt, as is `promptId`; a test
 * may put another one in the place of `id`. `ids` say what `:id` means below other addresses than `/prompts`.
 */
export async function makeFixtures(call: Call, database?: TestDatabase) {
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
  const ids = await makeIds(call, database)
  const fixed = { version: '1', a: '1', b: '2', label: 'staging', category, name, tag: 'walked', status: 'draft', userId: 'walked' }
  return { ...fixed, id, promptId: id, ids, otherId, relationshipId, documentId }
}

/** One of everything that rights are made of, by the first part of its address. Members come by logging in: here by `database`, or not at all. */
export async function makeIds(call: Call, database?: TestDatabase): Promise<Record<string, string>> {
  const role = await call('POST', '/roles', { name: `walked ${Math.random()}`, permissions: ['prompts:read'] })
  const key = await call('POST', '/api-keys', { name: 'walked', role: 'viewer' })
  const invitation = await call('POST', '/invitations', { email: 'walked@example.org', role: 'viewer' })
  const workspaces = (await call('GET', '/workspaces')).body.items[0].id
  await call('PUT', '/labels/walked', { protected: true })
  return {
    roles: role.body.id,
    'api-keys': key.body.id,
    invitations: invitation.body.id,
    workspaces,
    members: database ? await addMember(database, workspaces) : '01900000-0000-7000-8000-000000000000',
  }
}

async function addMember(database: TestDatabase, workspaceId: string): Promise<string> {
  const [personId, id] = [newId(), newId()]
  await database.query('insert into person (id, issuer, subject, created_at) values ($1::uuid, $2, $2, now())', [personId, personId])
  await database.query(
    `insert into member (workspace_id, id, person_id, role, added_by, created_at, updated_at, revision) values ($1, $2, $3, 'viewer', 'test', now(), now(), 1)`,
    [workspaceId, id, personId],
  )
  return id
}

/** The address of an endpoint with its parameters filled. @throws for a parameter that the fixtures do not know */
export const addressOf = ({ name: endpoint, path }: AnyEndpoint, fixtures: Fixtures): string =>
  path.replace(/:([A-Za-z]+)/g, (_, name: string) => {
    const other = name === 'id' && fixtures.id === fixtures.promptId ? fixtures.ids[path.split('/')[1]!] : undefined
    const value = other ?? (fixtures as Readonly<Record<string, unknown>>)[name]
    if (typeof value !== 'string') throw new Error(`${endpoint}: teach core/testing/walk.ts to make a ":${name}"`)
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
  'prompts.search': () => ({ query: 'who', mode: 'hybrid' }),
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
  'analytics.recordUsage': ({ promptId }) => ({
    promptId,
    provider: 'openai',
    model: 'gpt-4o',
    inputTokens: 10,
    outputTokens: 1,
    latencyMs: 5,
    success: true,
    eventId: 'walked',
    userId: 'walked',
  }),
  'analytics.recordSatisfaction': ({ promptId }) => ({ promptId, rating: 4, comment: 'Fine' }),
  'analytics.setPrices': () => ({ items: [{ model: 'my-own', inputUsdPerMTok: 1, outputUsdPerMTok: 2 }] }),
  'analytics.changeSettings': () => ({ userIds: 'hashed' }),
  'workspaces.create': () => ({ name: 'Walked' }),
  'workspaces.update': () => ({ name: 'Walked' }),
  'members.update': () => ({ role: 'viewer' }),
  'invitations.create': () => ({ email: 'walked@example.org', role: 'viewer' }),
  'roles.create': () => ({ name: `role ${Math.random()}`, permissions: ['prompts:read'] }),
  'roles.update': () => ({ name: `role ${Math.random()}` }),
  'apiKeys.create': () => ({ name: 'walked', role: 'viewer' }),
  'apiKeys.rotate': () => ({ expiresAt: '2999-01-01T00:00:00.000Z' }),
  'labels.protect': () => ({ roles: ['owner'], protected: false }),
  'access.check': () => ({ permission: 'prompts:read' }),
  'access.explain': () => ({ permission: 'prompts:read' }),
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
