import { beforeEach, describe, expect, test } from 'vitest'
import type { Call } from '../../testing/index.ts'
import { aKey, aKeyWith, type KeyCall, presenceIn } from '../access/testing/rights-kit.ts'
import { aPrompt, aVersion, freshName, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import { decideReview } from './commands/reviews.ts'
import { createPolicies } from './policies.ts'

const start = '2026-06-05T10:00:00.000Z'
let now = start
const t = sharedApp({ clock: () => now })
const workspaceId = '00000000-0000-7000-8000-000000000001'
const blocked = [409, 'lifecycle.policy_blocked']

let category: string
let author: KeyCall
let ann: KeyCall
let bob: KeyCall
beforeEach(async () => {
  now = start
  category = freshName('reviewed')
  author ??= await aKey(t(), { role: 'publisher' })
  ann ??= await aKey(t(), { role: 'publisher' })
  bob ??= await aKey(t(), { role: 'admin' })
})

const inCategory = async (rules: object) =>
  expect(verdict(await t().owner('PUT', `/lifecycle/policies/${encodeURIComponent(`category:${category}`)}`, rules))).toEqual([200])
/** A prompt of the author's with two versions, production on the first. */
const aDraft = async () => {
  const prompt = await aPrompt(author, { category, content: 'Hello {{name}}' })
  return aVersion(author, prompt, 'Hello, dear {{name}}')
}
const request = async ({ id }: { id: string }, body: object = {}, by: Call = author) => {
  const answer = await by('POST', `/prompts/${id}/reviews`, body)
  expect(answer.status, answer.text).toBe(201)
  return answer.body
}
const act = (by: Call, { id }: { id: string }, what: string, body: object = {}) => by('POST', `/reviews/${id}/${what}`, body)
const read = async ({ id }: { id: string }) => (await t().owner('GET', `/reviews/${id}`)).body
const told = async ({ id }: { id: string }) =>
  (await t().database.query<{ type: string }>(`select type from outbox where subject = $1 order by id`, [id])).map(({ type }) => type)
const labelsOf = async ({ id }: { id: string }) => (await t().owner('GET', `/prompts/${id}`)).body.labels

describe('a review', () => {
  test('freezes a version against the one that is served, and shows what it changes, says and lacks', async () => {
    const prompt = await aDraft()
    const made = await author('POST', `/prompts/${prompt.id}/reviews`, { title: 'Friendlier', publish: { labels: ['production'] } })
    expect([made.status, made.headers.get('location')]).toEqual([201, `/api/v1/reviews/${made.body.id}`])
    expect(made.body).toMatchObject({
      promptId: prompt.id,
      category,
      version: 2,
      baseVersion: 1,
      author: `key:${author.id}`,
      title: 'Friendlier',
      status: 'open',
      publish: { labels: ['production'], status: null },
      publishAt: null,
    })
    const detail = await read(made.body)
    expect(detail.diff).toMatchObject({ from: 1, to: 2, identical: false })
    expect(detail.lacks).toEqual([{ code: 'approvals', label: 'production', detail: expect.stringContaining('approval of 1') }])
    await aVersion(author, prompt, 'Something else')
    expect(await read(made.body)).toMatchObject({ version: 2, baseVersion: 1, diff: { from: 1, to: 2 } })
    expect(await told(made.body)).toEqual(['review.requested'])
  })

  test('is compared with the version before where production stands on it or nowhere, and with nothing where it is the first', async () => {
    const first = await aPrompt(author, { category })
    expect(await request(first)).toMatchObject({ version: 1, baseVersion: null })
    expect((await read(await request(first))).diff).toBeNull()
    const second = await aDraft()
    await author('PUT', `/prompts/${second.id}/labels/production`, { version: 2 })
    expect(await request(second)).toMatchObject({ version: 2, baseVersion: 1, title: `Version 2 of ${category}/${second.name}` })
    expect(await request(second, { version: 1, baseVersion: 2 })).toMatchObject({ version: 1, baseVersion: 2 })
  })

  test.each([
    [{ version: 9 }, 404, 'version.not_found'],
    [{ baseVersion: 9 }, 404, 'version.not_found'],
    [{ version: 2, baseVersion: 2 }, 422, 'review.invalid'],
    [{ publish: { at: '2026-06-05T10:00:00Z' } }, 422, 'review.invalid'],
    [{ publish: { labels: ['latest'] } }, 400, 'request.invalid'],
    [{ publish: { status: 'archived' } }, 400, 'request.invalid'],
  ])('that makes no sense is refused: %o', async (body, status, code) => {
    expect(verdict(await author('POST', `/prompts/${(await aDraft()).id}/reviews`, body))).toEqual([status, code])
  })

  test('is found by status, by prompt, and by who asked for it or made the version', async () => {
    const [one, two] = [await aDraft(), await aDraft()]
    const mine = await request(one)
    const other = await request(two, {}, ann)
    await act(ann, mine, 'approve')
    const found = async (query: string, by: Call = author): Promise<string[]> =>
      (await by('GET', `/reviews?limit=200&${query}`)).body.items.map(({ id }: { id: string }) => id)
    expect(await found(`promptId=${one.id}`)).toEqual([mine.id])
    expect(await found('status=approved')).toContain(mine.id)
    expect(await found('status=approved')).not.toContain(other.id)
    expect(await found('mine=true', ann)).toEqual([other.id])
    expect(await found('mine=true')).toEqual(expect.arrayContaining([mine.id, other.id]))
    const page = (await author('GET', `/reviews?limit=1&includeTotal=true&mine=true`)).body
    expect([page.items.length, page.total]).toEqual([1, (await found('mine=true')).length])
    expect((await author('GET', `/reviews?limit=1&mine=true&cursor=${page.nextCursor}`)).body.items[0].id < page.items[0].id).toBe(true)
  })

  test('takes comments at lines, and answers to comments', async () => {
    const review = await request(await aDraft())
    const first = await act(ann, review, 'comment', { body: 'Why dear?', anchor: { line: 1, side: 'version' } })
    expect([first.status, first.body]).toMatchObject([
      201,
      { n: 1, body: 'Why dear?', anchor: { line: 1, side: 'version' }, inReplyTo: null },
    ])
    expect((await act(author, review, 'comment', { body: 'Warmer', inReplyTo: 1 })).body).toMatchObject({ n: 2, inReplyTo: 1 })
    expect(verdict(await act(author, review, 'comment', { body: 'x', inReplyTo: 7 }))).toEqual([422, 'review.invalid'])
    expect((await read(review)).comments.map(({ body }: { body: string }) => body)).toEqual(['Why dear?', 'Warmer'])
    await t().database.query(
      `insert into review_entry select workspace_id, id, n, 'comment', 'test', now(), 'x', null, null, true from review, generate_series(3, 200) n where id = $1`,
      [review.id],
    )
    expect(verdict(await act(author, review, 'comment', { body: 'one too many' }))).toEqual([409, 'review.full'])
    expect(verdict(await act(ann, review, 'approve'))).toEqual([200])
  })

  test('of a prompt has company, up to a number', async () => {
    const prompt = await aDraft()
    for (let n = 0; n < 20; n++) await request(prompt)
    expect(verdict(await author('POST', `/prompts/${prompt.id}/reviews`, {}))).toEqual([409, 'review.full'])
  })

  test('of a hidden prompt is not there', async () => {
    const review = await request(await aDraft())
    const permissions = ['prompts:read', 'lifecycle:read', 'lifecycle:write', 'reviews:approve']
    const outside = await aKeyWith(t(), { permissions, categories: ['elsewhere'] })
    expect(verdict(await outside('GET', `/reviews/${review.id}`))).toEqual([404, 'review.not_found'])
    expect((await outside('GET', '/reviews')).body.items).toEqual([])
    for (const what of ['approve', 'reject', 'request-changes', 'close', 'publish'])
      expect(verdict(await act(outside, review, what))).toEqual([404, 'review.not_found'])
    expect(verdict(await act(outside, review, 'comment', { body: 'x' }))).toEqual([404, 'review.not_found'])
    expect(verdict(await outside('POST', `/prompts/${review.promptId}/reviews`, {}))).toEqual([404, 'prompt.not_found'])
  })
})

describe('an approval', () => {
  test('is of another person than the author: not by the same key, and by no other key of the same person', async () => {
    const maker = await aKey(t(), { role: 'admin' })
    const second = await aKey(t(), { role: 'publisher' }, maker)
    const prompt = await aVersion(maker, await aPrompt(maker, { category }), 'two')
    const review = await request(prompt, {}, ann)
    for (const by of [maker, second]) expect(verdict(await act(by, review, 'approve'))).toEqual([409, 'review.needs_another'])
    expect((await act(ann, review, 'approve')).body.status).toBe('approved')
    const { body: version, headers } = await t().owner('GET', `/prompts/${prompt.id}/versions/2`)
    const before = await t().owner('GET', `/prompts/${prompt.id}/versions/1`)
    expect(headers.get('etag')).toMatch(/^"[0-9a-f]{24}-[\w-]{12}"$/)
    expect(before.headers.get('etag')).toMatch(/^"[0-9a-f]{24}-production"$/)
    expect(version.approvals).toEqual([{ reviewId: review.id, by: `key:${ann.id}`, at: expect.any(String) }])
  })

  test('is counted by people: two keys of one person are one, and so are a session and a key', async () => {
    await inCategory({ approvals: 2 })
    const prompt = await aDraft()
    const review = await request(prompt, { publish: { labels: ['production'] } })
    const second = await aKey(t(), { role: 'publisher' }, bob)
    expect((await act(bob, review, 'approve')).body.status).toBe('open')
    expect((await act(second, review, 'approve')).body.status).toBe('open')
    const decisions = (await read(review)).decisions.map(({ stands }: { stands: boolean }) => stands)
    expect(decisions).toEqual([false, true])
    const person = '01900000-0000-7000-8000-00000000aaaa'
    await t().database.query(`update api_key set created_by = $1 where id = $2`, [`user:${person}`, bob.id])
    const session = t().app.runtime.contextFor(
      { id: `user:${person}`, workspaceId, permissions: new Set(['*']), instanceAdmin: false },
      { requestId: 'r' },
    )
    await t().database.query(`insert into person (id, issuer, subject, created_at) values ($1::uuid, 'i', 's', now())`, [person])
    await t().database.query(
      `insert into member (workspace_id, id, person_id, role, added_by, created_at, updated_at, revision) values ($1, $2::uuid, $2::uuid, 'owner', 'test', now(), now(), 1)`,
      [workspaceId, person],
    )
    expect(
      (await decideReview(createPolicies({ feed: t().app.feed, presence: presenceIn(t()) }))({ id: review.id, kind: 'approved' }, session))
        .status,
    ).toBe('open')
    expect((await act(ann, review, 'approve')).body.status).toBe('approved')
    expect(verdict(await act(author, review, 'publish'))).toEqual([200])
    await t().database.query(`update api_key set created_by = 'bootstrap' where id = $1`, [bob.id])
  })

  test('is dismissed by a new version, which the review tells', async () => {
    await inCategory({ approvals: 1 })
    const prompt = await aDraft()
    const review = await request(prompt, { publish: { labels: ['production'] } })
    await act(ann, review, 'approve')
    await aVersion(author, prompt, 'Slipped in')
    const detail = await read(review)
    expect([detail.status, detail.decisions[0].stands]).toEqual(['open', false])
    expect(detail.history).toMatchObject([{ kind: 'dismissed', detail: 'Version 3 was made: 1 approval is dismissed.' }])
    expect((await t().owner('GET', `/prompts/${prompt.id}/versions/2`)).body.approvals).toEqual([])
    const publish = await act(author, review, 'publish')
    expect([verdict(publish), publish.body.lacks[0].code]).toEqual([[409, 'review.not_approved'], 'approvals'])
    expect(verdict(await author('PUT', `/prompts/${prompt.id}/labels/production`, { version: 2 }))).toEqual(blocked)
    expect(await told(review)).toEqual(['review.requested', 'review.approved', 'review.dismissed'])
    await act(ann, review, 'approve')
    expect(verdict(await act(author, review, 'publish'))).toEqual([200])
  })

  test('opens the gate for the very text that was approved, and stays with it after the publication', async () => {
    await inCategory({ approvals: 1 })
    const prompt = await aDraft()
    const review = await request(prompt)
    await act(ann, review, 'approve')
    const set = (label: string, version: number) => author('PUT', `/prompts/${prompt.id}/labels/${label}`, { version })
    expect(verdict(await set('staging', 2))).toEqual([200])
    expect(verdict(await set('staging', 1))).toEqual(blocked)
    await act(author, review, 'publish', { labels: ['production'] })
    await aVersion(author, prompt, 'Another')
    expect(verdict(await set('beta', 3))).toEqual(blocked)
    expect(verdict(await set('beta', 2))).toEqual([200])
    expect(verdict(await author('POST', `/prompts/${prompt.id}/versions/2/rollback`, { labels: ['production'] }))).toEqual([201])
    const other = await request(prompt, { version: 3 })
    await act(ann, other, 'approve')
    await act(author, other, 'close')
    expect(verdict(await set('beta', 3))).toEqual(blocked)
  })

  test('counts only while its giver may approve there: not after the key is revoked, and not at another label', async () => {
    await inCategory({ approvals: 1 })
    const prompt = await aDraft()
    const leaving = await aKey(t(), { role: 'reviewer' })
    const review = await request(prompt, { publish: { labels: ['production'] } })
    expect((await act(leaving, review, 'approve')).body.status).toBe('approved')
    await t().owner('DELETE', `/api-keys/${leaving.id}`)
    expect((await read(review)).lacks.map(({ code }: { code: string }) => code)).toEqual(['approvals'])
    expect(verdict(await act(author, review, 'publish'))).toEqual([409, 'review.not_approved'])
    expect(verdict(await author('PUT', `/prompts/${prompt.id}/labels/production`, { version: 2 }))).toEqual(blocked)
    const staging = await aKeyWith(t(), { permissions: ['prompts:read', 'reviews:approve'], labels: ['staging'] })
    const seen = await aKeyWith(t(), { permissions: ['reviews:approve'], labels: ['staging'] })
    expect((await act(staging, review, 'approve')).status).toBe(404) // who reads by label only sees no reviews
    expect((await act(seen, review, 'approve')).body.status).toBe('open')
    expect(verdict(await author('PUT', `/prompts/${prompt.id}/labels/staging`, { version: 2 }))).toEqual([200])
    expect(verdict(await author('PUT', `/prompts/${prompt.id}/labels/production`, { version: 2 }))).toEqual(blocked)
  })

  test('is taken back by asking for changes, and these by approving', async () => {
    const review = await request(await aDraft(), { publish: { labels: ['x'] } })
    await act(ann, review, 'approve')
    expect((await act(ann, review, 'request-changes', { comment: 'On second thought' })).body.status).toBe('changes_requested')
    expect((await act(bob, review, 'approve')).body.status).toBe('changes_requested')
    const publish = await act(author, review, 'publish')
    expect([verdict(publish), publish.body.lacks[0].code]).toEqual([[409, 'review.not_approved'], 'changes_requested'])
    expect((await act(ann, review, 'approve')).body.status).toBe('approved')
    expect((await read(review)).decisions.map(({ kind, stands }: { kind: string; stands: boolean }) => [kind, stands])).toEqual([
      ['approved', false],
      ['changes_requested', false],
      ['approved', true],
      ['approved', true],
    ])
  })

  test('and all else is refused once a review is over', async () => {
    const rejected = await request(await aDraft())
    expect((await act(ann, rejected, 'reject', { comment: 'No' })).body.status).toBe('rejected')
    const closed = await request(await aDraft())
    expect((await act(author, closed, 'close')).body.status).toBe('closed')
    for (const review of [rejected, closed])
      for (const what of ['approve', 'reject', 'request-changes', 'close', 'publish'])
        expect([what, verdict(await act(ann, review, what))]).toEqual([what, [409, 'review.over']])
    expect([await told(rejected), await told(closed)]).toEqual([
      ['review.requested', 'review.rejected'],
      ['review.requested', 'review.closed'],
    ])
    expect(verdict(await act(await aKey(t(), { role: 'editor' }), closed, 'approve'))).toEqual([403, 'auth.forbidden'])
  })

  test('and a new version at once: whichever comes first, none is left of the version before', async () => {
    await inCategory({ approvals: 1 })
    for (let round = 0; round < 5; round++) {
      const prompt = await aDraft()
      const review = await request(prompt)
      await Promise.all([act(ann, review, 'approve'), aVersion(author, prompt, `Slipped in ${round}`)])
      const { decisions, history } = await read(review)
      const approved = decisions.at(-1)
      const dismissed = history.some(({ kind }: { kind: string }) => kind === 'dismissed')
      expect(approved.stands).toBe(!dismissed) // approved after it: by somebody who could see it
      const set = await author('PUT', `/prompts/${prompt.id}/labels/x`, { version: 2 })
      expect(set.status).toBe(dismissed ? 409 : 200)
    }
  })
})

describe('publishing', () => {
  test('moves a prompt from draft to review to published in step, and its labels, all together', async () => {
    await inCategory({ approvals: 1 })
    const prompt = await aDraft()
    const review = await request(prompt, { publish: { labels: ['production', 'beta'], status: 'published' } })
    expect((await t().owner('GET', `/prompts/${prompt.id}`)).body.status).toBe('review')
    expect(verdict(await act(author, review, 'publish'))).toEqual([409, 'review.not_approved'])
    await act(ann, review, 'approve')
    expect((await read(review)).lacks).toEqual([])
    expect((await act(author, review, 'publish')).body).toMatchObject({ status: 'published' })
    expect((await t().owner('GET', `/prompts/${prompt.id}`)).body).toMatchObject({
      status: 'published',
      labels: { production: 2, beta: 2 },
    })
    expect((await read(review)).history.map(({ kind }: { kind: string }) => kind)).toEqual(['published'])
    expect(await told(review)).toEqual(['review.requested', 'review.approved', 'review.published'])
    expect(verdict(await act(author, review, 'publish'))).toEqual([409, 'review.over'])
  })

  test('needs something to do, the rights to do it by hand, and is all or nothing', async () => {
    const prompt = await aDraft()
    const review = await request(prompt)
    await act(ann, review, 'approve')
    expect(verdict(await act(author, review, 'publish'))).toEqual([422, 'review.invalid'])
    const mover = await t().as('lifecycle:write')
    expect((await act(mover, review, 'publish', { labels: ['production'], status: 'published' })).body.permission).toBe('labels:write')
    expect((await t().owner('GET', `/prompts/${prompt.id}`)).body.status).toBe('draft')
    await inCategory({ freeze: [{ from: '2026-06-05T00:00:00Z', to: '2026-06-06T00:00:00Z', reason: 'Launch' }] })
    expect(verdict(await act(author, review, 'publish', { labels: ['production'] }))).toEqual(blocked)
    expect(
      (await read(await request(prompt, { publish: { labels: ['production'] } }))).lacks.map(({ code }: { code: string }) => code),
    ).toEqual(['approvals', 'freeze'])
    expect(await labelsOf(prompt)).toEqual({ production: 1 })
  })

  test('goes by a broken glass without approvals, for who may', async () => {
    await inCategory({ approvals: 2 })
    const review = await request(await aDraft(), { publish: { labels: ['production'] } })
    const breakGlass = { reason: 'The old one insults people' }
    expect((await act(author, review, 'publish', { breakGlass })).body.permission).toBe('policies:break_glass')
    expect((await act(bob, review, 'publish', { breakGlass })).body.status).toBe('published')
    const glass = await t().database.query(`select 1 from outbox where type = 'policy.glass_broken' and subject = $1`, [review.promptId])
    expect(glass.length).toBeGreaterThan(0)
  })

  test('two at once publish once', async () => {
    const prompt = await aDraft()
    const review = await request(prompt, { publish: { labels: ['production'] } })
    await act(ann, review, 'approve')
    const answers = await Promise.all([author, bob, author].map((by) => act(by, review, 'publish')))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409])
    const moves = (await t().owner('GET', `/prompts/${prompt.id}/labels/production/history`)).body.items
    expect(moves.filter(({ to }: { to: number }) => to === 2)).toHaveLength(1)
  })

  test('of a deleted or redacted version is refused in so many words, and the review can be closed', async () => {
    const prompt = await aDraft()
    const review = await request(prompt, { publish: { labels: ['production'] } })
    await t().owner('DELETE', `/prompts/${prompt.id}`)
    expect(await read(review)).toMatchObject({ diff: null, lacks: [{ code: 'prompt_deleted' }] })
    for (const what of ['approve', 'publish']) expect(verdict(await act(ann, review, what))).toEqual([409, 'review.prompt_deleted'])
    await t().owner('POST', `/prompts/${prompt.id}/restore`)
    expect(verdict(await act(ann, review, 'approve'))).toEqual([200])
    await t().owner('POST', `/prompts/${prompt.id}/versions/2/redact`, { reason: 'Personal data' })
    expect(verdict(await bob('POST', `/prompts/${prompt.id}/versions/2/redact`, { reason: 'Yes' }))).toEqual([200])
    expect(await read(review)).toMatchObject({ diff: null, lacks: [{ code: 'version_redacted' }] })
    for (const what of ['approve', 'publish']) expect(verdict(await act(ann, review, what))).toEqual([410, 'version.redacted'])
    expect(verdict(await author('POST', `/prompts/${prompt.id}/reviews`, { version: 2 }))).toEqual([410, 'version.redacted'])
    const kept = await t().database.query(`select checksum from review where id = $1`, [review.id])
    expect(kept).toEqual([{ checksum: null }])
    expect((await act(author, review, 'close')).body.status).toBe('closed')
  })
})

describe('a planned publication', () => {
  const lifecycleJob = () =>
    t()
      .app.modules.flatMap(({ jobs = [] }) => jobs)
      .find(({ name }) => name === 'lifecycle.publish_due_reviews')!
  const runJob = () =>
    lifecycleJob().run(
      {},
      t().app.runtime.contextFor(
        { id: 'schedule', workspaceId, permissions: new Set(['*']), instanceAdmin: false },
        { requestId: 'schedule' },
      ),
    )
  const soon = '2026-06-05T12:00:00.000Z'

  test('happens when its time has come, once, as whoever planned it', async () => {
    const prompt = await aDraft()
    const review = await request(prompt)
    await act(ann, review, 'approve')
    const planned = await act(bob, review, 'publish', { labels: ['production'], at: '2026-06-05T14:00:00+02:00' })
    expect(planned.body).toMatchObject({ status: 'approved', publishAt: soon, publishBy: `key:${bob.id}` })
    now = '2026-06-05T11:59:59.999Z'
    await runJob()
    expect(await labelsOf(prompt)).toEqual({ production: 1 })
    now = soon
    await Promise.all([runJob(), runJob(), runJob()])
    expect(await labelsOf(prompt)).toEqual({ production: 2 })
    const moves = (await t().owner('GET', `/prompts/${prompt.id}/labels/production/history`)).body.items
    expect([moves.length, moves[0].movedBy]).toEqual([2, `key:${bob.id}`])
    expect(await read(review)).toMatchObject({ status: 'published', publishAt: null })
    expect(await told(review)).toEqual(['review.requested', 'review.approved', 'review.scheduled', 'review.published'])
  })

  test('that is asked for with the review waits for its approval; without one it fails, and the review says why', async () => {
    const prompt = await aDraft()
    const review = await request(prompt, { publish: { labels: ['production'], at: soon } })
    now = soon
    await runJob()
    const detail = await read(review)
    expect(detail).toMatchObject({ status: 'open', publishAt: null, history: [{ kind: 'publish_failed', by: `key:${author.id}` }] })
    expect(detail.history[0].detail).toContain('needs the approval')
    expect((await told(review)).at(-1)).toBe('review.publish_failed')
    expect(await labelsOf(prompt)).toEqual({ production: 1 })
    await runJob()
    expect((await read(review)).history).toHaveLength(1)
  })

  test('is done with the rights that are there by then: not by a revoked key, nor by one that lost them', async () => {
    const leaving = await aKey(t(), { role: 'publisher' })
    const weak = await aKeyWith(t(), { permissions: ['lifecycle:write'] })
    for (const [by, why] of [
      [leaving, 'no key or member'],
      [weak, 'labels:write'],
    ] as const) {
      const review = await request(await aDraft())
      await act(ann, review, 'approve')
      expect(verdict(await act(by, review, 'publish', { labels: ['production'], at: soon }))).toEqual([200])
      if (by === leaving) await t().owner('DELETE', `/api-keys/${leaving.id}`)
      now = soon
      await runJob()
      expect((await read(review)).history.at(-1)).toMatchObject({ kind: 'publish_failed', detail: expect.stringContaining(why) })
      now = start
    }
  })

  test('that was closed before its time does not happen, and one that fails holds up no other', async () => {
    const [one, two] = [await aDraft(), await aDraft()]
    const reviews = [await request(one), await request(two)]
    for (const review of reviews) {
      await act(ann, review, 'approve')
      await act(bob, review, 'publish', { labels: ['production'], at: soon })
    }
    await act(bob, reviews[0], 'close')
    now = soon
    await runJob()
    expect([await labelsOf(one), await labelsOf(two)]).toEqual([{ production: 1 }, { production: 2 }])
    expect(verdict(await act(bob, await request(one), 'publish', { labels: ['x'], at: '2026-06-05T11:00:00Z' }))).toEqual([
      422,
      'review.invalid',
    ])
  })
})
