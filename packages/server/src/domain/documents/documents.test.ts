import { describe, expect, test } from 'vitest'
import { aPrompt, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import { deleteDocument, linkDocument, unlinkDocument, updateDocument } from './commands.ts'
import type { Document, LinkedDocument } from './model/shapes.ts'
import { documentContext, listDocumentPrompts, listPromptDocuments } from './queries.ts'

const t = sharedApp()
const nobody = '01900000-0000-7000-8000-000000000000'
let made = 0
const aDocument = async (fields: Record<string, unknown> = {}): Promise<Document> => {
  const answer = await t().owner<Document>('POST', '/documents', { title: `document ${++made}`, text: 'Read me', ...fields })
  expect(answer.status, answer.text).toBe(201)
  return answer.body
}
const link = (promptId: string, documentId: string, said: object = {}) =>
  t().owner('PUT', `/prompts/${promptId}/documents/${documentId}`, said)
const linked = async (promptId: string): Promise<string[]> =>
  (await t().owner('GET', `/prompts/${promptId}/documents`)).body.items.map(({ id }: { id: string }) => id)
const told = (id: string) =>
  t().database.query<{ type: string; data: object }>('select type, data from outbox where subject = $1 order by id', [id])

describe('a document', () => {
  test('is stored, read, changed field by field and deleted', async () => {
    const uri = 'https://example.org/%E8%AA%9E?q=1#x'
    const created = await t().owner('POST', '/documents', { title: 'Guide', uri, text: 'Grüße', metadata: { a: 1 } })
    const { id } = created.body
    expect(created.body).toEqual({
      id: expect.any(String),
      uri,
      title: 'Guide',
      mediaType: 'text/plain',
      text: 'Grüße',
      textBytes: 7,
      metadata: { a: 1 },
      createdBy: 'bootstrap',
      createdAt: expect.stringMatching(/Z$/),
      updatedAt: created.body.createdAt,
      revision: 1,
    })
    expect([created.headers.get('location'), created.headers.get('etag')]).toEqual([`/api/v1/documents/${id}`, '"1"'])
    expect((await t().owner('GET', `/documents/${id}`)).body).toEqual(created.body)
    const change = (body: object, headers = {}) => t().owner('PUT', `/documents/${id}`, body, headers)
    expect((await change({ mediaType: 'text/markdown; charset=utf-8', text: null })).body).toMatchObject({
      title: 'Guide',
      mediaType: 'text/markdown; charset=utf-8',
      text: null,
      textBytes: 0,
      revision: 2,
    })
    expect((await change({ uri: null, mediaType: null, metadata: null })).body).toMatchObject({
      uri: null,
      mediaType: 'text/plain',
      metadata: {},
      revision: 3,
    })
    expect((await change({ title: 'Guide', metadata: {} })).body.revision).toBe(3)
    expect(verdict(await change({ title: 'x' }, { 'if-match': '"2"' }))).toEqual([412, 'precondition.failed'])
    expect(verdict(await t().owner('DELETE', `/documents/${id}`, undefined, { 'if-match': '"2"' }))).toEqual([412, 'precondition.failed'])
    expect((await t().owner('DELETE', `/documents/${id}`)).status).toBe(204)
    for (const answer of [await t().owner('GET', `/documents/${id}`), await change({}), await t().owner('DELETE', `/documents/${id}`)])
      expect(verdict(answer)).toEqual([404, 'document.not_found'])
    expect(await told(id)).toEqual([
      { type: 'document.created', data: { title: 'Guide', uri } },
      { type: 'document.updated', data: { title: 'Guide', uri, fields: ['mediaType', 'text'] } },
      { type: 'document.updated', data: { title: 'Guide', uri: null, fields: ['uri', 'mediaType', 'metadata'] } },
      { type: 'document.deleted', data: { title: 'Guide', uri: null } },
    ])
  })

  test('is taken back as it was read, and nothing else in its read-only fields', async () => {
    const read = await aDocument()
    expect((await t().owner('PUT', `/documents/${read.id}`, { ...read, title: 'edited' })).body).toMatchObject({
      title: 'edited',
      revision: 2,
    })
    // What was read before that is old, not wrong.
    expect((await t().owner('PUT', `/documents/${read.id}`, { ...read, title: 'again' })).body.revision).toBe(3)
    const wrong = await t().owner('PUT', `/documents/${read.id}`, { createdBy: 'me', textBytes: 1 })
    expect([...verdict(wrong), wrong.body.errors.map(({ pointer }: { pointer: string }) => pointer)]).toEqual([
      422,
      'document.read_only',
      ['/createdBy', '/textBytes'],
    ])
  })

  test('has a URI of its own in the workspace, also when 8 ask for it at once', async () => {
    const uri = 'kb/refunds.md'
    const create = () => t().owner('POST', '/documents', { title: 'x', uri })
    const answers = await Promise.all(Array.from({ length: 8 }, create))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409, 409, 409])
    expect(verdict(await create())).toEqual([409, 'document.uri_taken'])
    const other = await aDocument()
    expect(verdict(await t().owner('PUT', `/documents/${other.id}`, { uri }))).toEqual([409, 'document.uri_taken'])
    const stranger = await t().stranger()
    expect((await stranger('POST', '/documents', { title: 'x', uri })).status).toBe(201)
  })

  test('takes a text of 1 MiB and a URI of 2,000 characters, and not one byte more', async () => {
    const most = 1024 * 1024
    expect((await aDocument({ text: 'é'.repeat(most / 2), uri: 'x'.repeat(2000) })).textBytes).toBe(most)
    const refused = [
      [{ text: `${'x'.repeat(most)}x` }, 413, 'document.text_too_large'],
      [{ metadata: { x: 'x'.repeat(256 * 1024) } }, 413, 'document.metadata_too_large'],
      [{ uri: 'x'.repeat(2001) }, 400, 'request.invalid'],
      [{ uri: 'with space' }, 400, 'request.invalid'],
      [{ uri: '語' }, 400, 'request.invalid'],
      [{ uri: '' }, 400, 'request.invalid'],
      [{ title: '' }, 400, 'request.invalid'],
      [{ mediaType: 'markdown' }, 400, 'request.invalid'],
      [{ body: 'x' }, 400, 'request.invalid'],
    ] as const
    const { id } = await aDocument()
    for (const [fields, status, code] of refused) {
      expect(verdict(await t().owner('POST', '/documents', { title: 'x', ...fields }))).toEqual([status, code])
      expect(verdict(await t().owner('PUT', `/documents/${id}`, fields))).toEqual([status, code])
    }
    expect(verdict(await t().owner('GET', '/documents/no-id'))).toEqual([404, 'document.not_found'])
  })

  test('is listed without its text, newest first, by title, URI and media type, page by page', async () => {
    const [a, b] = [await aDocument({ title: '100% list_ed', uri: 'list/a' }), await aDocument({ title: 'listed', mediaType: 'text/html' })]
    const ids = async (query: string) => (await t().owner('GET', `/documents?${query}`)).body.items.map(({ id }: { id: string }) => id)
    expect(await ids('q=LIST')).toEqual([b.id, a.id])
    expect([await ids('q=0%25'), await ids('q=t_e'), await ids('uri=list/a'), await ids('mediaType=text/html')]).toEqual([
      [a.id],
      [a.id],
      [a.id],
      [b.id],
    ])
    const { items, nextCursor, total } = (await t().owner('GET', '/documents?q=list&limit=1&includeTotal=true')).body
    expect([items.length, items[0].text, total]).toEqual([1, undefined, 2])
    expect(await ids(`q=list&cursor=${nextCursor}`)).toEqual([a.id])
    expect(verdict(await t().owner('GET', `/documents?cursor=${nextCursor}`))).toEqual([400, 'cursor.invalid'])
  })
})

describe('a link', () => {
  test('is made, changed and taken away, each told once; to make it again as it is changes nothing', async () => {
    const { id } = await aPrompt(t().owner)
    const document = await aDocument()
    const first = await link(id, document.id, { note: 'tone' })
    expect([first.status, first.body]).toEqual([
      200,
      { promptId: id, documentId: document.id, position: 0, note: 'tone', linkedBy: 'bootstrap', linkedAt: expect.stringMatching(/Z$/) },
    ])
    expect((await link(id, document.id)).body).toEqual(first.body)
    expect((await link(id, document.id, { position: 3 })).body).toMatchObject({ position: 3, note: 'tone' })
    const unlink = () => t().owner('DELETE', `/prompts/${id}/documents/${document.id}`)
    expect((await unlink()).status).toBe(204)
    expect(verdict(await unlink())).toEqual([404, 'document.not_linked'])
    expect((await told(document.id)).slice(1)).toEqual([
      { type: 'document.linked', data: { promptId: id } },
      { type: 'document.linked', data: { promptId: id } },
      { type: 'document.unlinked', data: { promptId: id } },
    ])
    expect(verdict(await link(nobody, document.id))).toEqual([404, 'prompt.not_found'])
    expect(verdict(await link(id, nobody))).toEqual([404, 'document.not_found'])
    expect(verdict(await link(id, document.id, { position: -1 }))).toEqual([400, 'request.invalid'])
  })

  test('shows from both sides: documents by position, prompts by id or URI of the document', async () => {
    const [one, two, gone] = [await aPrompt(t().owner), await aPrompt(t().owner), await aPrompt(t().owner)]
    const [a, b, c] = [await aDocument(), await aDocument({ uri: 'both/sides' }), await aDocument()]
    await link(one.id, a.id, { position: 2 })
    await link(one.id, b.id, { position: 1, note: 'n' })
    await link(one.id, c.id, { position: 1 })
    await link(two.id, b.id)
    await link(gone.id, b.id)
    await t().owner('DELETE', `/prompts/${gone.id}`)
    expect(await linked(one.id)).toEqual([b.id, c.id, a.id])
    const page = (
      await t().owner<{ items: LinkedDocument[]; nextCursor: string }>('GET', `/prompts/${one.id}/documents?limit=2&includeTotal=true`)
    ).body
    expect([page.items.map(({ id }) => id), page]).toEqual([[b.id, c.id], expect.objectContaining({ total: 3 })])
    expect(page.items[0]).toMatchObject({ uri: 'both/sides', note: 'n', position: 1, linkedBy: 'bootstrap' })
    expect((await t().owner('GET', `/prompts/${one.id}/documents?cursor=${page.nextCursor}`)).body.items[0].id).toBe(a.id)
    const prompts = async (query: string) => (await t().owner('GET', `/documents/prompts?${query}`)).body
    for (const which of [`documentId=${b.id}`, 'uri=both/sides']) {
      const { items, total } = await prompts(`${which}&includeTotal=true`)
      expect([items.map(({ id }: { id: string }) => id), total]).toEqual([[one.id, two.id], 2])
      expect(items[0]).toMatchObject({ category: 'tests', name: one.name, note: 'n', position: 1 })
      const first = await prompts(`${which}&limit=1`)
      expect((await prompts(`${which}&limit=1&cursor=${first.nextCursor}`)).items[0].id).toBe(two.id)
    }
    await t().owner('POST', `/prompts/${gone.id}/restore`)
    expect((await prompts('uri=both/sides')).items).toHaveLength(3)
    for (const query of ['', `?documentId=${b.id}&uri=both/sides`])
      expect(verdict(await t().owner('GET', `/documents/prompts${query}`))).toEqual([400, 'request.invalid'])
    for (const query of [`documentId=${nobody}`, 'uri=nowhere'])
      expect(verdict(await t().owner('GET', `/documents/prompts?${query}`))).toEqual([404, 'document.not_found'])
  })

  test('keeps a document from being deleted unless that is forced; links of deleted prompts do not', async () => {
    const [prompt, deleted] = [await aPrompt(t().owner), await aPrompt(t().owner)]
    const document = await aDocument()
    for (const { id } of [prompt, deleted]) await link(id, document.id)
    await t().owner('DELETE', `/prompts/${deleted.id}`)
    const refused = await t().owner('DELETE', `/documents/${document.id}`)
    expect([...verdict(refused), refused.body.usedBy]).toEqual([409, 'document.in_use', [`tests/${prompt.name}`]])
    expect(await linked(prompt.id)).toEqual([document.id])
    expect((await t().owner('DELETE', `/documents/${document.id}?force=true`)).status).toBe(204)
    expect(await linked(prompt.id)).toEqual([])
    expect((await told(document.id)).map(({ type }) => type).slice(-3)).toEqual([
      'document.unlinked',
      'document.unlinked',
      'document.deleted',
    ])
    const lone = await aDocument()
    await link(prompt.id, lone.id)
    await t().owner('DELETE', `/prompts/${prompt.id}`)
    expect((await t().owner('DELETE', `/documents/${lone.id}`)).status).toBe(204)
  })

  test('made while the document is deleted is either refused or keeps it, never left hanging', async () => {
    for (let round = 0; round < 5; round++) {
      const document = await aDocument()
      const { id } = await aPrompt(t().owner)
      const [made, gone] = await Promise.all([link(id, document.id), t().owner('DELETE', `/documents/${document.id}`)])
      expect([
        [200, 409],
        [404, 204],
      ]).toContainEqual([made.status, gone.status])
      expect(await linked(id)).toEqual(made.status === 200 ? [document.id] : [])
    }
  })

  test('is one of 100 at most, whoever makes them at once', async () => {
    const { id } = await aPrompt(t().owner)
    const spare = await Promise.all(Array.from({ length: 4 }, () => aDocument()))
    await t().database.query(
      `with d as (insert into document (workspace_id, id, title, media_type, text_bytes, metadata, created_by, created_at, updated_at, revision)
        select '00000000-0000-7000-8000-000000000001', gen_random_uuid(), 'filler', 'text/plain', 0, '{}', 'test', now(), now(), 1 from generate_series(1, 98) returning id)
       insert into document_link (workspace_id, prompt_id, document_id, position, note, linked_by, linked_at)
        select '00000000-0000-7000-8000-000000000001', $1, id, 0, '', 'test', now() from d`,
      [id],
    )
    const answers = await Promise.all(spare.map((document) => link(id, document.id)))
    expect(answers.map((answer) => verdict(answer).join(' ')).sort()).toEqual([
      '200',
      '200',
      '409 document.too_many_links',
      '409 document.too_many_links',
    ])
    const kept = spare[answers.findIndex(({ status }) => status === 200)]!
    expect((await link(id, kept.id, { note: 'still to be changed' })).status).toBe(200)
  })
})

test('the texts of a prompt’s documents come in one for context, within the tokens asked for', async () => {
  const { id } = await aPrompt(t().owner)
  const context = async (query = '') => (await t().owner('GET', `/prompts/${id}/documents/context${query}`)).body
  expect(await context()).toEqual({ text: '', tokens: 0, maxTokens: 8000, truncated: false, documents: [] })
  const [short, bare, long] = [
    await aDocument({ title: 'Tone', text: 'Be kind.' }),
    await aDocument({ title: 'Site', text: undefined, uri: 'https://example.org' }),
    await aDocument({ title: 'Rules', text: 'Never promise a refund. '.repeat(20_000) }),
  ]
  for (const [position, document] of [short, bare, long].entries()) await link(id, document.id, { position })
  const whole = await context()
  expect(whole.text).toMatch(/^# Tone\n\nBe kind\.\n\n# Rules\n\n(Never promise a refund\. )+/)
  expect(whole.documents.map(({ id, included }: { id: string; included: string }) => [id, included])).toEqual([
    [short.id, 'whole'],
    [bare.id, 'no_text'],
    [long.id, 'cut'],
  ])
  expect([whole.truncated, whole.maxTokens]).toEqual([true, 8000])
  expect(whole.tokens).toBeLessThanOrEqual(8000)
  expect(whole.tokens).toBeGreaterThan(7900)
  const small = await context('?maxTokens=9')
  expect([small.text, small.documents[2].included]).toEqual(['# Tone\n\nBe kind.', 'no_room'])
  expect(verdict(await t().owner('GET', `/prompts/${id}/documents/context?maxTokens=100001`))).toEqual([400, 'request.invalid'])
  expect(verdict(await t().owner('GET', `/prompts/${nobody}/documents/context`))).toEqual([404, 'prompt.not_found'])
})

test('limits of permissions to categories hold: hidden prompts are not there, and what others use is not changed', async () => {
  const [open, shut] = [await aPrompt(t().owner, { category: 'open' }), await aPrompt(t().owner, { category: 'shut' })]
  const [shared, mine] = [await aDocument(), await aDocument()]
  for (const { id } of [open, shut]) await link(id, shared.id)
  const ctx = (...limited: string[]) =>
    t().app.runtime.contextFor(
      {
        id: 'limited',
        workspaceId: '00000000-0000-7000-8000-000000000001',
        permissions: new Set(['prompts:read', 'documents:read', 'documents:write']),
        limits: new Map(limited.map((permission) => [permission, [{ categories: ['open'] }]])),
        instanceAdmin: false,
      },
      { requestId: 'r' },
    )
  const [blind, seeing] = [ctx('prompts:read', 'documents:read', 'documents:write'), ctx('documents:write')]
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'done',
      (error) => error.kind.code,
    )
  expect(await codeOf(linkDocument({ id: open.id, documentId: mine.id }, blind))).toBe('done')
  for (const work of [
    () => linkDocument({ id: shut.id, documentId: mine.id }, blind),
    () => unlinkDocument({ id: shut.id, documentId: shared.id }, blind),
    () => listPromptDocuments({ id: shut.id }, blind),
    () => documentContext({ id: shut.id }, blind),
  ])
    expect(await codeOf(work())).toBe('prompt.not_found')
  expect(await codeOf(linkDocument({ id: shut.id, documentId: mine.id }, seeing))).toBe('auth.forbidden')
  expect(await codeOf(unlinkDocument({ id: shut.id, documentId: shared.id }, seeing))).toBe('auth.forbidden')
  const listed = await listDocumentPrompts({ documentId: shared.id, includeTotal: true }, blind)
  expect([listed.items.map(({ id }) => id), listed.total]).toEqual([[open.id], 1])
  expect(await codeOf(updateDocument({ id: shared.id, change: { title: 'x' } }, blind))).toBe('auth.forbidden')
  expect(await codeOf(deleteDocument({ id: shared.id, force: true }, blind))).toBe('auth.forbidden')
  expect(await codeOf(updateDocument({ id: mine.id, change: { title: 'x' } }, blind))).toBe('done')
  expect(await codeOf(deleteDocument({ id: mine.id, force: true }, blind))).toBe('done')
  const hidden = await codeOf(deleteDocument({ id: shared.id }, ctx('prompts:read')))
  expect(hidden).toBe('document.in_use')
})
