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
  const runId: string = (await call('POST', '/lifecycle/automations/dry-run', { rule: walkedRule() })).body.id
  const { webhooks, deliveryId, replayId } = await makeWebhook(call, database)
  const ids: Record<string, string> = { ...(await makeIds(call, database)), webhooks, ...(await makeTests(call, id, otherId)) }
  const scope = 'category:walked'
  await call('PUT', `/lifecycle/policies/${scope}`, { approvals: 1 })
  const fixed = { version: '1', a: '1', b: '2', label: 'staging', category, name, tag: 'walked', status: 'draft', userId: 'walked' }
  return { ...fixed, id, promptId: id, ids, scope, otherId, relationshipId, documentId, runId, deliveryId, replayId }
}

/** A run that found more prompts than its limit. */
export async function aRunThatAsks(call: Call): Promise<string> {
  const asking = { ...walkedRule(), condition: 'true', limit: 1 }
  await call('PUT', '/lifecycle/automations', { items: [] }) // a run of the same rule might go on
  const [rule] = (await call('PUT', '/lifecycle/automations', { items: [asking] })).body.items
  return (await call('POST', `/lifecycle/automations/${rule.id}/run`, {}, { prefer: 'wait=30' })).body.id
}

/** A bulk operation with an item that failed; with `open`, one that goes on and that nobody works on. */
export async function aBulkOperation(call: Call, database: TestDatabase, open: boolean): Promise<string> {
  const items = [{ content: 'Walked', category: 'walked', name: 'twice' }]
  for (let n = 0; n < 2; n++) {
    const { body } = await call('POST', '/bulk/prompts', { items }, { prefer: 'wait=30' })
    if (body.counts.failed === 0) continue
    if (open) await database.query(`update bulk_operation set status = 'running', finished_at = null where id = $1`, [body.id])
    return body.id
  }
  throw new Error('of two prompts of one name neither was refused')
}

/** A rule that anybody may have who may have rules. */
const walkedRule = () => ({ name: 'walked', condition: 'false', action: { kind: 'notify', message: 'Walked' }, enabled: false })

/** A webhook that nobody gets: its address is given to no network. */
const unrouted = { url: 'https://[3000::1]/in', events: ['custom.walked'], timeoutMs: 1_000 }

/** A webhook with a replay, and with a delivery: of an event, where `database` lets us say so. */
export async function makeWebhook(call: Call, database?: TestDatabase) {
  const webhooks: string = (await call('POST', '/webhooks', { name: 'walked', ...unrouted })).body.id
  const deliveryId: string = (await call('POST', `/webhooks/${webhooks}/test`)).body.id
  await database?.query('update webhook_delivery set event_id = (select max(id) from outbox) where id = $1', [deliveryId])
  const selection = { failedSince: '2020-01-01T00:00:00Z', dryRun: true }
  const replayId: string = (await call('POST', `/webhooks/${webhooks}/replay`, selection, { prefer: 'wait=20' })).body.id
  return { webhooks, deliveryId, replayId }
}

/** One of everything that rights are made of, by the first part of its address. Members come by logging in: here by `database`, or not at all. */
export async function makeIds(call: Call, database?: TestDatabase): Promise<Record<string, string>> {
  const role = await call('POST', '/roles', { name: `walked ${Math.random()}`, permissions: ['prompts:read'] })
  const key = await call('POST', '/api-keys', { name: 'walked', role: 'viewer' })
  const invitation = await call('POST', '/invitations', { email: 'walked@example.org', role: 'viewer' })
  const workspaces = (await call('GET', '/workspaces')).body.items[0].id
  const automations = await call('PUT', '/lifecycle/automations', { items: [walkedRule()] })
  await call('PUT', '/labels/walked', { protected: true })
  const bulk = await call('POST', '/bulk/prompts', { items: [{ content: 'Walked' }], dryRun: true })
  return {
    roles: role.body.id,
    lifecycle: automations.body.items[0].id,
    'api-keys': key.body.id,
    invitations: invitation.body.id,
    bulk: bulk.body.id,
    workspaces,
    ...(await makeReviews(call)),
    members: database ? await addMember(database, workspaces) : '01900000-0000-7000-8000-000000000000',
    jobs: database ? await addDeadJob(database, workspaces) : '01900000-0000-7000-8000-000000000000',
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

async function addDeadJob(database: TestDatabase, workspaceId: string): Promise<string> {
  const id = newId()
  await database.query(
    `insert into dead_job (workspace_id, id, name, payload, origin, tries, error, enqueued_at, failed_at)
     values ($1, $2, 'jobs.purge_dead_letters', '{}', $3, 1, 'walked', now(), now())`,
    [workspaceId, id, JSON.stringify({ workspaceId, actor: 'test', requestId: 'test' })],
  )
  return id
}

/** Reviews by the name of the endpoint that ends them, and one for all others: of a version that somebody else than the caller has made. */
async function makeReviews(call: Call): Promise<Record<string, string>> {
  const { key } = (await call('POST', '/api-keys', { name: 'author', role: 'editor' })).body
  const { id } = (await call('POST', '/prompts', { content: 'Review me' }, { authorization: `Bearer ${key}` })).body
  const made: Record<string, string> = {}
  for (const name of ['reviews', 'reviews.reject', 'reviews.close'])
    made[name] = (await call('POST', `/prompts/${id}/reviews`, { title: name })).body.id
  await call('POST', `/reviews/${made.reviews}/comment`, { body: 'Walked' })
  return made
}

/** Tests by the name of the endpoint that needs one in a certain state, and one for all others. */
export async function makeTests(call: Call, promptAId: string, promptBId: string): Promise<Record<string, string>> {
  const make = async (start: boolean): Promise<string> =>
    (await call('POST', '/optimization/ab-tests', { name: 'walked', promptAId, promptBId, start })).body.id
  const running = await make(true)
  return {
    'ab-tests': running,
    optimization: running,
    'abTests.start': await make(false),
    'abTests.delete': await make(false),
    'abTests.pause': await make(true),
    'abTests.end': await make(true),
  }
}

/** The address of an endpoint with its parameters filled. @throws for a parameter that the fixtures do not know */
export const addressOf = ({ name: endpoint, path }: AnyEndpoint, fixtures: Fixtures): string =>
  path.replace(/:([A-Za-z]+)/g, (_, name: string) => {
    const { id, promptId, ids } = fixtures
    const other = name === 'id' && id === promptId ? (ids[endpoint] ?? ids[path.split('/')[1]!]) : undefined
    const value = other ?? (fixtures as Readonly<Record<string, unknown>>)[name]
    if (typeof value !== 'string') throw new Error(`${endpoint}: teach core/testing/walk.ts to make a ":${name}"`)
    return encodeURIComponent(value)
  }) + (endingOf[endpoint] ?? '')

/** What makes an answer end that would go on for minutes, and what an address cannot do without. */
const endingOf: Readonly<Record<string, string>> = {
  'notifications.stream': '?seconds=0',
  'abTests.assign': '?unitId=walked',
  'abTests.select': '?unitId=walked',
}

/** What the query of an endpoint must say, for those that need something. */
export const queryOf = ({ name }: AnyEndpoint, { documentId }: Fixtures): string =>
  name === 'documents.prompts' ? `documentId=${documentId}` : ''

/** An address with more of a query. */
export const withQuery = (address: string, query: string): string => `${address}${address.includes('?') ? '&' : '?'}${query}`

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
  'bulk.create': () => ({ items: [{ content: 'New' }], dryRun: true }),
  'bulk.update': ({ id }) => ({ items: [{ id, description: 'Changed' }], dryRun: true }),
  'bulk.delete': ({ id }) => ({ promptIds: [id], dryRun: true }),
  'bulk.deletePrompts': ({ id }) => ({ promptIds: [id], dryRun: true }),
  'bulk.tag': ({ id }) => ({ promptIds: [id], add: ['walked'], dryRun: true }),
  'lifecycle.validate': () => ({ status: 'review' }),
  'lifecycle.move': () => ({ status: 'review', reason: 'Ready' }),
  'policies.put': () => ({ freeze: [{ from: '2020-12-24T00:00:00Z', to: '2021-01-02T00:00:00Z', reason: 'Holidays' }] }),
  'reviews.request': () => ({ title: 'Please look', publish: { labels: ['staging'] } }),
  'reviews.comment': () => ({ body: 'Why so?', anchor: { line: 1, side: 'version' } }),
  'reviews.approve': () => ({ comment: 'Good' }),
  'reviews.requestChanges': () => ({ comment: 'Not yet' }),
  'reviews.reject': () => ({ comment: 'No' }),
  'reviews.publish': () => ({ at: '2999-01-01T00:00:00.000Z', labels: ['staging'] }),
  'reviews.close': () => ({ comment: 'Given up' }),
  'lifecycle.bulk': ({ id }) => ({ promptIds: [id], status: 'published', reason: 'Good' }),
  'lifecycle.saveAutomations': () => ({ items: [walkedRule()] }),
  'lifecycle.updateAutomation': () => ({ name: 'walked', description: 'Changed' }),
  'lifecycle.runAutomation': () => ({ dryRun: true, reason: 'To see' }),
  'lifecycle.dryRunAutomation': () => ({ rule: walkedRule() }),
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
  'analytics.setAlerts': () => ({ items: [{ name: 'walked', metric: 'successRate', direction: 'below', threshold: 0.5 }] }),
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
  'webhooks.create': () => ({ name: 'New', ...unrouted, filter: 'type == "prompt.created"' }),
  'webhooks.update': () => ({ name: 'Changed' }),
  'webhooks.rotateSecret': () => ({ overlapHours: 1 }),
  'webhooks.replay': () => ({ from: '2020-01-01T00:00:00Z', dryRun: true }),
  'cache.invalidate': ({ id }) => ({ promptId: id }),
  'notifications.trigger': () => ({ type: 'custom.walked', subject: 'Walked' }),
  'notifications.cleanup': () => ({ what: ['events'] }),
  'abTests.create': ({ id, otherId }) => ({ name: 'Walked', promptAId: id, promptBId: otherId }),
  'abTests.update': () => ({ name: 'Changed' }),
  'abTests.end': () => ({ reason: 'Enough' }),
  'abTests.selectByBody': () => ({ unitId: 'walked' }),
  'abTests.analyze': () => ({ kind: 'srm', inputs: { users: [50, 50], weights: [1, 1] } }),
  'abTests.recordResults': () => ({ unitId: 'walked', success: true, eventId: 'walked' }),
  'abTests.sampleSize': () => ({ metric: { type: 'proportion', rate: 0.8 }, minimumEffect: 0.05 }),
  'cache.warmup': ({ category, name }) => ({ items: [{ category, name }] }),
}

/** @throws for an endpoint that takes a body and is not known here */
export function bodyOf(e: AnyEndpoint, fixtures: Fixtures): Record<string, unknown> | undefined {
  if (!e.body) return undefined
  const make = bodies[e.name]
  if (!make) throw new Error(`${e.name}: teach core/testing/walk.ts a body that it accepts`)
  return make(fixtures)
}
