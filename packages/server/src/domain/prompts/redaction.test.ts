import { createHmac } from 'node:crypto'
import canonicalize from 'canonicalize'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type Call, startTestApp, type TestApp, type TestDatabase } from '../../testing/index.ts'
import { startRedis, testWithRedis } from '../../testing/redis.ts'
import type { Prompt } from './model/shapes.ts'
import { aPrompt, aVersion, servePath, sharedApp, verdict } from './testing/prompt-kit.ts'

const app = sharedApp()
let second: Call
beforeAll(async () => {
  second = await app().as('prompts:redact', 'prompts:read')
})
const owner: Call = (...args) => app().owner(...args)
const reason = { reason: 'A name of a customer' }
const at = ({ id }: Pick<Prompt, 'id'>, version = 1) => `/prompts/${id}/versions/${version}/redact`

/** A prompt whose first version holds a secret, and whose label stands on the second one. */
async function withSecret(secret: string, call: Call = owner, fields: Record<string, unknown> = {}): Promise<Prompt> {
  const made = await aPrompt(call, { content: `Tell ${secret} to {{who}}`, config: { note: secret }, changeSummary: secret, ...fields })
  expect((await call('PUT', `/prompts/${made.id}`, { content: 'Tell nobody', config: null })).status).toBe(200)
  await call('PUT', `/prompts/${made.id}/labels/production`, { version: 2 })
  return made
}

async function redact(prompt: Pick<Prompt, 'id'>, version = 1, [one, two]: [Call, Call] = [owner, second]): Promise<void> {
  expect((await one('POST', at(prompt, version), reason)).status).toBe(200)
  const done = await two('POST', at(prompt, version), reason)
  expect([done.status, done.body.status], done.text).toEqual([200, 'redacted'])
}

/** `table.column` of every text and JSON in the database that holds one of the words, pg-boss included. */
async function placesOf({ query }: TestDatabase, words: readonly string[]): Promise<string[]> {
  const columns = await query<{ place: string; table: string; column: string }>(
    `select table_schema || '.' || table_name || '.' || column_name as place, format('%I.%I', table_schema, table_name) as "table", format('%I', column_name) as column
     from information_schema.columns join information_schema.tables using (table_schema, table_name)
     where table_schema in ('public', 'pgboss') and table_type = 'BASE TABLE'
       and (data_type in ('text', 'jsonb', 'json', 'ARRAY', 'bytea', 'character varying', 'tsvector') or udt_name = 'citext')`,
  )
  const found = await Promise.all(
    columns.map(async ({ place, table, column }) => {
      const rows = await query(`select 1 from ${table} where ${column}::text like any ($1) limit 1`, [words.map((word) => `%${word}%`)])
      return rows.length > 0 ? [place] : []
    }),
  )
  return found.flat()
}

describe('two people', () => {
  test('one asks and is told what would happen, another confirms, and the text is gone', async () => {
    const made = await withSecret('quince')
    const asked = await owner('POST', at(made), reason)
    expect([asked.status, asked.body]).toEqual([
      200,
      expect.objectContaining({
        promptId: made.id,
        version: 1,
        status: 'requested',
        ...reason,
        requestedBy: 'bootstrap',
        redactedAt: null,
        blockers: [],
      }),
    ])
    expect(Date.parse(asked.body.expiresAt) - Date.parse(asked.body.requestedAt)).toBe(7 * 24 * 3_600_000)
    expect((await second('GET', at(made))).body).toEqual(asked.body)
    expect((await owner('GET', `/prompts/${made.id}/versions/1`)).body.content).toContain('quince')

    const done = await second('POST', at(made), { reason: 'Agreed' })
    expect(done.body).toMatchObject({
      status: 'redacted',
      reason: reason.reason,
      redactedBy: expect.stringMatching(/^key:/),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    const { body: version } = await owner('GET', `/prompts/${made.id}/versions/1`)
    const { redactedBy: by, redactedAt, requestedBy, hash } = done.body
    expect(version).toMatchObject({
      version: 1,
      content: '',
      variables: [],
      config: {},
      changeSummary: null,
      metadata: {},
      checksum: hash,
      changeType: 'create',
    })
    expect(version.redacted).toEqual({ at: redactedAt, by, requestedBy, hash, ...reason })
    expect((await owner('GET', `/prompts/${made.id}/versions`)).body.items[0].redacted).toBeUndefined()
  })

  test('the same one twice is refused, and so is one without the permission', async () => {
    const made = await withSecret('medlar')
    expect((await owner('POST', at(made), reason)).status).toBe(200)
    expect(verdict(await owner('POST', at(made), reason))).toEqual([409, 'redaction.needs_another'])
    const writer = await app().as('prompts:read', 'prompts:write')
    for (const method of ['POST', 'DELETE'])
      expect(verdict(await writer(method, at(made), method === 'POST' ? reason : undefined))).toEqual([403, 'auth.forbidden'])
    expect(verdict(await second('POST', at(made), {}))).toEqual([400, 'request.invalid'])
    expect((await owner('GET', `/prompts/${made.id}/versions/1`)).body.content).toContain('medlar')
  })

  test('a request can be withdrawn by either, and then begins anew', async () => {
    const made = await withSecret('sorb')
    expect(verdict(await owner('DELETE', at(made)))).toEqual([404, 'redaction.not_found'])
    await owner('POST', at(made), reason)
    expect((await second('DELETE', at(made))).status).toBe(204)
    expect(verdict(await second('GET', at(made)))).toEqual([404, 'redaction.not_found'])
    expect((await second('POST', at(made), reason)).body.status).toBe('requested')
  })

  test('a request that nobody confirmed within seven days is none', async () => {
    const made = await withSecret('loquat')
    await owner('POST', at(made), reason)
    await app().database.query(`update prompt_redaction set expires_at = now() - interval '1 second' where prompt_id = $1`, [made.id])
    expect(verdict(await second('GET', at(made)))).toEqual([404, 'redaction.not_found'])
    expect((await second('POST', at(made), reason)).body).toMatchObject({
      status: 'requested',
      requestedBy: expect.stringMatching(/^key:/),
    })
    expect(await app().database.query('select status from prompt_redaction where prompt_id = $1 order by requested_at', [made.id])).toEqual(
      [{ status: 'expired' }, { status: 'requested' }],
    )
  })

  test('of several who confirm at once, one does', async () => {
    const made = await withSecret('rowan')
    await owner('POST', at(made), reason)
    const callers = await Promise.all([1, 2, 3, 4].map(() => app().as('prompts:redact')))
    const answers = await Promise.all(callers.map((call) => call('POST', at(made), reason)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 410, 410, 410])
  })

  test('a redacted version cannot be redacted again, a version that is not there not at all, and one of a deleted prompt can', async () => {
    const made = await withSecret('azarole')
    await redact(made)
    for (const method of ['POST', 'GET'])
      expect(verdict(await owner(method, at(made), method === 'POST' ? reason : undefined))).toEqual([410, 'version.redacted'])
    expect(verdict(await owner('POST', at(made, 9), reason))).toEqual([404, 'version.not_found'])
    await owner('DELETE', `/prompts/${made.id}`)
    await owner('POST', at(made, 2), reason)
    expect(verdict(await second('POST', at(made, 2), reason))).toEqual([409, 'version.in_use'])
  })

  test('whoever has text and salt can prove what it was; the salt is kept nowhere', async () => {
    const made = await withSecret('damson')
    const salt = 'a-salt-of-at-least-thirty-two-characters'
    await owner('POST', at(made), reason)
    const { type, engine, content, variables, config } = made
    const done = await second('POST', at(made), { ...reason, salt }, { 'idempotency-key': 'salted' })
    const proof = createHmac('sha256', salt).update(canonicalize({ type, engine, content, variables, config })!).digest('hex')
    expect(done.body.hash).toBe(proof)
    expect(await placesOf(app().database, [salt])).toEqual([])
    expect(verdict(await second('POST', at(made), { ...reason, salt: 'short' }))).toEqual([400, 'request.invalid'])
  })

  test('each step is told, without a word of the text', async () => {
    const made = await withSecret('greengage')
    await owner('POST', at(made), reason)
    await owner('DELETE', at(made))
    await redact(made)
    const told = await app().database.query<{ type: string; data: object }>(
      `select type, data from outbox where subject = $1 and type like 'prompt.redact%' order by id`,
      [made.id],
    )
    const data = { category: made.category, name: made.name, version: 1 }
    expect(told).toEqual(
      ['redaction_requested', 'redaction_withdrawn', 'redaction_requested', 'redacted'].map((type) => ({ type: `prompt.${type}`, data })),
    )
  })
})

describe('what stands in the way, and what stays', () => {
  test('a label that stands on it must be moved first', async () => {
    const made = await aPrompt(owner)
    expect((await owner('POST', at(made), reason)).body.blockers).toEqual([
      { code: 'version.labelled', detail: 'The label "production" stands on version 1. Move it first.' },
    ])
    const refused = await second('POST', at(made), reason)
    expect([...verdict(refused), refused.body.blockers.length]).toEqual([409, 'version.in_use', 1])
    await owner('DELETE', `/prompts/${made.id}/labels/production`)
    expect((await second('POST', at(made), reason)).body.status).toBe('redacted')
  })

  test('a prompt that pins it must be changed first', async () => {
    const made = await withSecret('bullace')
    const reference = `${made.category}/${made.name}#1`.replace(/ /g, ' ')
    const pinning = await owner('POST', '/prompts', {
      category: 'tests',
      name: 'pins',
      content: `{{> ${encodeURI(made.category)}/${encodeURIComponent(made.name)}@1}}`,
    })
    expect(pinning.status, `${reference} ${pinning.text}`).toBe(201)
    await owner('POST', at(made), reason)
    const refused = await second('POST', at(made), reason)
    expect([...verdict(refused), refused.body.detail]).toEqual([
      409,
      'version.in_use',
      '"tests/pins" includes version 1. Change that prompt first.',
    ])
    await aVersion(owner, pinning.body, 'Pins nothing')
    await owner('PUT', `/prompts/${pinning.body.id}/labels/production`, { version: 2 })
    expect((await second('POST', at(made), reason)).body.status).toBe('redacted')
    const old = await owner('GET', servePath(pinning.body, 'version=1'))
    expect([...verdict(old), old.body.detail]).toEqual([
      409,
      'include.unavailable',
      expect.stringContaining('its text was removed for good'),
    ])
    const again = await owner('PUT', `/prompts/${pinning.body.id}/content`, { content: pinning.body.content })
    expect([...verdict(again), again.body.detail]).toEqual([422, 'include.not_found', expect.stringContaining('was removed for good')])
  })

  test('other versions with the identical text, and a name that was made of it, are named', async () => {
    const content = 'Praise the cornelian cherry'
    const made = await aPrompt(owner, { content, name: 'cornelian cherry', labels: [] })
    const fork = (await owner('POST', `/prompts/${made.id}/fork`, { name: 'its fork', changes: { config: { model: 'x' } } })).body
    await aVersion(owner, made, 'Another')
    await owner('POST', `/prompts/${made.id}/versions/1/rollback`, {})
    const { body } = await owner('POST', at(made), reason)
    expect(body).toMatchObject({ elsewhereTotal: 2, remains: ['name'] })
    expect(body.elsewhere).toEqual([
      { promptId: made.id, category: 'tests', name: 'cornelian cherry', version: 3, fields: ['content'] },
      { promptId: fork.id, category: 'tests', name: 'its fork', version: 1, fields: ['content'] },
    ])
  })

  test('so are versions of the same prompt with its config or its variables', async () => {
    const made = await aPrompt(owner, { content: 'For {{whom}}', config: { note: 'chokeberry' }, labels: [] })
    await aVersion(owner, made, 'To {{whom}}')
    const { body } = await owner('POST', at(made), reason)
    expect(body.elsewhere).toEqual([expect.objectContaining({ version: 2, fields: ['config', 'variables'] })])
  })
})

describe('a redacted version', () => {
  test('is never served, and nothing else in its place', async () => {
    const made = await withSecret('mulberry')
    await owner('GET', servePath(made, 'version=1'))
    await redact(made)
    const gone = [410, 'version.redacted']
    for (let n = 0; n < 2; n++) expect(verdict(await owner('GET', servePath(made, 'version=1')))).toEqual(gone)
    expect(verdict(await owner('GET', servePath(made, 'version=1&var.who=x')))).toEqual(gone)
    expect(verdict(await owner('POST', '/prompts/resolve', { category: made.category, name: made.name, version: 1 }))).toEqual(gone)
    expect(verdict(await owner('POST', `/prompts/${made.id}/render`, { version: 1, variables: {} }))).toEqual(gone)
    const batch = await owner('POST', '/prompts/batch-get', { items: [{ id: made.id, version: 1 }, { id: made.id }] })
    expect([batch.body.items[0], batch.body.errors[0].problem.code, batch.body.items[1].content]).toEqual([null, gone[1], 'Tell nobody'])
    expect((await owner('GET', servePath(made))).body.content).toBe('Tell nobody')
  })

  test('is no source of a rollback, a fork, a diff or a label', async () => {
    const made = await withSecret('bilberry')
    await redact(made)
    const gone = [410, 'version.redacted']
    expect(verdict(await owner('POST', `/prompts/${made.id}/versions/1/rollback`, {}))).toEqual(gone)
    expect(verdict(await owner('POST', `/prompts/${made.id}/fork`, { name: 'no fork', version: 1 }))).toEqual(gone)
    for (const pair of ['1/diff/2', '2/diff/1']) expect(verdict(await owner('GET', `/prompts/${made.id}/versions/${pair}`))).toEqual(gone)
    expect(verdict(await owner('PUT', `/prompts/${made.id}/labels/production`, { version: 1 }))).toEqual(gone)
    expect(verdict(await owner('POST', `/prompts/${made.id}/labels/production/revert`, {}))).toEqual(gone)
  })

  test('that is the newest leaves a prompt that can be read, described and given a new text', async () => {
    const made = await aPrompt(owner, { content: [{ role: 'user', content: 'A cloudberry' }], config: { a: 1 }, labels: [] })
    await redact(made)
    const read = await owner('GET', `/prompts/${made.id}`)
    expect([read.status, read.body]).toEqual([
      200,
      expect.objectContaining({ type: 'chat', content: [], variables: [], config: {}, revision: 2, redacted: expect.any(Object) }),
    ])
    expect((await owner('GET', `/prompts?q=${encodeURIComponent(made.name)}`)).body.items[0].redacted).toMatchObject(reason)
    expect((await owner('PUT', `/prompts/${made.id}`, { description: 'Lost' })).body).toMatchObject({
      description: 'Lost',
      version: 1,
      redacted: reason,
    })
    expect(verdict(await owner('PUT', `/prompts/${made.id}`, { config: { a: 2 } }))).toEqual([410, 'version.redacted'])
    const next = await owner('PUT', `/prompts/${made.id}/content`, { content: 'A {{new}} one' })
    expect(next.body).toMatchObject({ version: 2, type: 'text', content: 'A {{new}} one', variables: [{ name: 'new' }], config: {} })
    expect(next.body.redacted).toBeUndefined()
  })
})

test('afterwards the whole database holds neither the text nor a checksum of it, nor a stored answer with it', async () => {
  const made = await withSecret('blackthorn')
  await owner('PUT', `/prompts/${made.id}`, { description: 'x' }, { 'idempotency-key': 'k1' })
  await owner('POST', `/prompts/${made.id}/versions/1/rollback`, {}, { 'idempotency-key': 'k2' })
  const { checksum } = (await owner('GET', `/prompts/${made.id}/versions/1`)).body
  await app().database.query(
    // as an earlier release told it
    `update outbox set data = data || jsonb_build_object('checksum', $2::text) where subject = $1 and type = 'prompt.version_created' and data->>'version' = '3'`,
    [made.id, checksum],
  )
  expect(await placesOf(app().database, [checksum])).toContain('public.outbox.data')
  expect(await placesOf(app().database, ['blackthorn'])).toEqual(
    expect.arrayContaining(['public.prompt_version.content', 'public.idempotency_key.body']),
  )
  await redact(made, 3)
  await redact(made, 1)
  await expect.poll(() => placesOf(app().database, ['blackthorn'])).toEqual([]) // what follows the feed takes a moment
  expect(await placesOf(app().database, [checksum])).toEqual(['public.prompt_redaction.purge_checksum'])
})

test('the job clears what is left of the checksum, once no reader can bring the text back', async () => {
  const t = await startTestApp()
  onTestFinished(() => t.stop())
  const made = await withSecret('hawthorn', t.owner)
  await redact(made, 1, [t.owner, await t.as('prompts:redact')])
  const left = () => placesOf(t.database, [made.checksum])
  await runPurge(t)
  expect(await left()).toEqual(['public.prompt_redaction.purge_checksum'])
  await t.database.query(`update prompt_redaction set decided_at = decided_at - interval '31 seconds'`)
  await runPurge(t)
  expect(await left()).toEqual([])
})

function runPurge({ app: { modules, runtime } }: TestApp): Promise<void> {
  const [job] = modules.flatMap(({ jobs = [] }) => jobs).filter(({ name }) => name === 'prompts.purge_redacted')
  const principal = {
    id: 'schedule',
    workspaceId: '00000000-0000-7000-8000-000000000001',
    permissions: new Set(['*']),
    instanceAdmin: false,
  }
  return job!.run({} as never, runtime.contextFor(principal, { requestId: 'test' }))
}

testWithRedis('a redacted text leaves Redis and the memory of every instance', async () => {
  await using redis = await startRedis()
  const one = await startTestApp({ redisUrl: redis.url })
  onTestFinished(() => one.stop())
  const two = await startTestApp({ redisUrl: redis.url, database: one.database })
  onTestFinished(() => two.stop())
  const made = await withSecret('buckthorn', one.owner)
  const inRedis = async () => {
    const values = await Promise.all((await redis.client.keys('*')).map((key) => redis.client.get(key)))
    return values.filter((value) => value?.includes('buckthorn')).length
  }
  await expect
    .poll(async () => {
      for (const { owner: read } of [one, two]) expect((await read('GET', servePath(made, 'version=1'))).text).toContain('buckthorn')
      await one.owner('POST', '/cache/invalidate', {})
      return inRedis()
    })
    .toBe(1)
  for (const { owner: read } of [one, two]) await read('GET', servePath(made, 'version=1'))
  await redact(made, 1, [one.owner, await one.as('prompts:redact')])
  await expect.poll(async () => verdict(await two.owner('GET', servePath(made, 'version=1')))).toEqual([410, 'version.redacted'])
  for (const { owner: read } of [one, two])
    await expect.poll(async () => (await read('GET', '/cache/entries?limit=200')).text).not.toContain(made.checksum)
  await one.database.query(`update prompt_redaction set decided_at = decided_at - interval '31 seconds'`)
  await runPurge(two)
  expect(await inRedis()).toBe(0)
  await redis.kill()
  await one.database.query(`update prompt_redaction set purge_checksum = 'x'`)
  await expect(runPurge(two)).rejects.toThrow()
  expect(await one.database.query('select 1 from prompt_redaction where purge_checksum is not null')).toHaveLength(1)
})
