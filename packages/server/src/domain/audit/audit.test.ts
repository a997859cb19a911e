import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp } from '../../testing/index.ts'
import type { AuditEntry } from './model/entry.ts'
import { type Audited, startAudited } from './testing/audit-kit.ts'

let t: Audited
beforeAll(async () => {
  t = await startAudited()
})
afterAll(() => t.stop())

const list = async (query: string): Promise<AuditEntry[]> => (await t.owner('GET', `/audit?${query}`)).body.items
const named = (id: string) => ({ 'x-request-id': id })

describe('an entry', () => {
  test('is left by every change, with actor, request id, and the state of its subject before and after', async () => {
    const { id } = (await t.owner('POST', '/prompts', { category: 'c', name: 'n', content: 'one' }, named('req-1'))).body
    const metadata = { b: 1, a: { d: 1, c: 2 } }
    await t.owner('PUT', `/prompts/${id}`, { content: 'two', metadata }, named('req-2'))
    await t.owner('PUT', `/prompts/${id}/labels/production`, { version: 2 }, named('req-3'))
    await t.owner('POST', `/prompts/${id}/versions/1/rollback`, {}, named('req-4'))
    await t.owner('DELETE', `/prompts/${id}`, undefined, named('req-5'))
    await t.owner('POST', `/prompts/${id}/restore`, undefined, named('req-6'))
    const told = (await list(`subject=${id}&limit=50`)).toReversed()
    expect(told.map(({ action, requestId }) => [requestId, action])).toEqual([
      ['req-1', 'prompt.created'],
      ['req-1', 'prompt.label_moved'],
      ['req-2', 'prompt.version_created'],
      ['req-2', 'prompt.updated'],
      ['req-3', 'prompt.label_moved'],
      ['req-4', 'prompt.version_created'],
      ['req-5', 'prompt.deleted'],
      ['req-6', 'prompt.restored'],
    ])
    expect(told[0]).toMatchObject({ actor: 'bootstrap', beforeHash: null, data: { category: 'c', name: 'n', version: 1 } })
    const changes = ['req-1', 'req-2', 'req-3', 'req-4', 'req-5', 'req-6'].map((of) => told.find(({ requestId }) => requestId === of)!)
    for (const [i, entry] of changes.slice(1).entries()) expect(entry.beforeHash).toBe(changes[i]!.afterHash)
    expect(new Set(changes.map(({ afterHash }) => afterHash)).size).toBe(6)
    expect(JSON.stringify(told)).not.toContain('two')
  })

  test('is left by a key that was made, though no request was', async () => {
    await t.as('prompts:read')
    expect((await list('action=key.created'))[0]).toMatchObject({ actor: 'test', action: 'key.created' })
  })

  test('is not left by what was rolled back, nor by what changed nothing', async () => {
    const before = (await list('limit=1'))[0]!.sequence
    expect((await t.owner('POST', '/prompts', { category: 'c', name: 'broken', content: '{{> no/such}}' })).status).toBe(422)
    const { id } = (await t.owner('POST', '/prompts', { category: 'c', name: 'same', content: 'x' })).body
    await t.owner('PUT', `/prompts/${id}`, { content: 'x' })
    const after = (await list('limit=50')).filter(({ sequence }) => sequence > before)
    expect(after.map(({ action, subject }) => [action, subject])).toEqual([
      ['prompt.label_moved', id],
      ['prompt.created', id],
    ])
  })

  test('is left by no change where the trail is off', async () => {
    const off = await startTestApp({ audit: false })
    try {
      const before = await off.database.query('select 1 from audit_entry')
      expect((await off.owner('POST', '/prompts', { content: 'x' })).status).toBe(201)
      expect(await off.database.query('select 1 from audit_entry')).toEqual(before)
      expect((await off.owner('GET', '/audit')).body.items).toHaveLength(before.length)
    } finally {
      await off.stop()
    }
  })
})

describe('the list', () => {
  test('is filtered by actor, action, beginning of an action, subject, time and request, alone and together', async () => {
    const { id } = (await t.owner('POST', '/prompts', { category: 'f', name: 'filtered', content: 'one' }, named('req-filter'))).body
    const [moved, created] = await list('requestId=req-filter')
    const seqs = async (query: string) => (await list(`${query}&limit=200`)).map(({ sequence }) => sequence)
    expect([moved!.action, created!.action]).toEqual(['prompt.label_moved', 'prompt.created'])
    expect(await seqs(`subject=${id}`)).toEqual([moved!.sequence, created!.sequence])
    expect(await seqs(`subject=${id}&action=prompt.created`)).toEqual([created!.sequence])
    expect(await seqs(`subject=${id}&action=prompt.*&actor=bootstrap`)).toEqual([moved!.sequence, created!.sequence])
    expect(await seqs(`subject=${id}&action=prompt.c*`)).toEqual([])
    expect(await seqs(`subject=${id}&actor=somebody`)).toEqual([])
    expect(await seqs(`subject=${id}&from=${created!.at}`)).toEqual([moved!.sequence, created!.sequence])
    expect(await seqs(`subject=${id}&to=${created!.at}`)).toEqual([])
    expect((await t.owner('GET', '/audit?from=yesterday')).status).toBe(400)
  })

  test('comes in pages that give each entry once, newest first', async () => {
    const all: number[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: { items: AuditEntry[]; nextCursor: string | null; total: number } = (
        await t.owner('GET', `/audit?limit=3&includeTotal=true${cursor ? `&cursor=${cursor}` : ''}`)
      ).body
      all.push(...page.items.map(({ sequence }) => sequence))
      cursor = page.nextCursor
      if (cursor === null) expect(page.total).toBe(all.length)
    }
    expect(all).toEqual([...new Set(all)].sort((a, b) => b - a))
  })

  test('shows a workspace its own entries only, and asks for audit:read', async () => {
    const stranger = await t.stranger()
    const { items } = (await stranger('GET', '/audit')).body
    expect(items.map(({ action }: AuditEntry) => action)).toEqual(['key.created'])
    for (const path of ['/audit', '/audit/export', '/audit/verify'])
      expect((await (await t.as('prompts:read'))('GET', path)).status).toBe(403)
  })
})

describe('a refused attempt of a known principal', () => {
  test('is counted, and written with the next flush: who, where, which permission, how often', async () => {
    const weak = await t.as('prompts:read')
    const { id } = (await t.owner('POST', '/prompts', { category: 'r', name: 'refused', content: 'one' })).body
    for (let n = 0; n < 3; n++) expect((await weak('PUT', `/prompts/${id}`, { description: 'mine' }, named(`no-${n}`))).status).toBe(403)
    expect(await list('action=access.refused&subject=prompts.update')).toEqual([])
    await t.app.audit.settle()
    const [entry] = await list('action=access.refused&subject=prompts.update')
    expect(entry).toMatchObject({ requestId: 'no-2', data: { permission: 'prompts:write', count: 3 }, beforeHash: null, afterHash: null })
    expect(entry!.actor).toMatch(/^key:/)
  })

  test('also when the permission shows to be missing only within the work', async () => {
    const careless = await t.as('prompts:read', 'prompts:write')
    const { id } = (await t.owner('POST', '/prompts', { category: 'r', name: 'forced', content: 'one' })).body
    expect((await careless('DELETE', `/prompts/${id}?force=true`)).status).toBe(403)
    await t.app.audit.settle()
    expect(await list('action=access.refused&subject=prompts.delete')).toMatchObject([{ data: { permission: 'prompts:force', count: 1 } }])
  })

  test('is written at the end at the latest; of nobody we know nothing is', async () => {
    const other = await startTestApp()
    const weak = await other.as('prompts:read')
    await weak('POST', '/prompts', { content: 'x' })
    await other.anonymous('POST', '/prompts', { content: 'x' })
    await other.app.stop()
    const rows = await other.database.query(
      `select subject, data->>'permission' as permission from audit_entry where action = 'access.refused'`,
    )
    await other.database.drop()
    expect(rows).toEqual([{ subject: 'prompts.create', permission: 'prompts:write' }])
  })
})

describe('append-only', () => {
  const as = async (role: string, statement: string) => {
    const client = new pg.Client(t.database.url)
    await client.connect()
    try {
      await client.query(`begin; set local role ${role}; set local app.workspace_id = '00000000-0000-7000-8000-000000000001'`)
      return await client.query(statement)
    } finally {
      await client.end()
    }
  }
  const changes = (table: string) => [`update ${table} set workspace_id = workspace_id`, `delete from ${table}`, `truncate ${table}`]

  test.each(['ps_app', 'ps_system'])('for %s by its grants', async (role) => {
    for (const statement of [...changes('audit_entry'), ...changes('audit_block')])
      await expect(as(role, statement), statement).rejects.toThrow('permission denied')
    await expect(as(role, 'alter table audit_entry disable trigger append_only')).rejects.toThrow('owner')
  })

  test('for the owner and for superusers by trigger, save in a migration that says so', async () => {
    for (const statement of [...changes('audit_entry'), ...changes('audit_block')]) {
      await expect(as('ps_owner', statement), statement).rejects.toThrow('append-only')
      await expect(t.database.query(statement), statement).rejects.toThrow('append-only')
    }
    await expect(as('ps_owner', `set local app.audit_maintenance = 'on'; delete from audit_block`)).resolves.toBeDefined()
  })

  test('ps_app seals nothing', async () => {
    await expect(as('ps_app', 'insert into audit_block select * from audit_block limit 1')).rejects.toThrow('permission denied')
  })
})
