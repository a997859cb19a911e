import { expect } from 'vitest'
import { newId } from '../../../core/ids.ts'
import { type Call, clientOf, type TestAnswer, type TestApp } from '../../../testing/index.ts'
import type { ApiKey } from '../model/api-keys.ts'
import { createPresence, type Presence } from '../presence.ts'

/** Rights follow the feed within a second; the rest is for a busy machine. */
export const patience = { interval: 50 }

export type KeyCall = Call & { id: string; key: string }

/** Make a key by the API and call with it. */
export async function aKey(t: TestApp, fields: Record<string, unknown>, by: Call = t.owner): Promise<KeyCall> {
  const { status, body, text } = await by<ApiKey & { key: string }>('POST', '/api-keys', { name: 'test', ...fields })
  expect(status, text).toBe(201)
  return Object.assign(clientOf(t.url, body.key), { id: body.id, key: body.key })
}

let made = 0
/** Make a role by the API. @returns its name and id */
export async function aRole(t: TestApp, fields: Record<string, unknown>, by: Call = t.owner): Promise<{ id: string; name: string }> {
  const { status, body, text } = await by('POST', '/roles', { name: `role ${++made}`, ...fields })
  expect(status, text).toBe(201)
  return body
}

/** A key with a role of its own. */
export const aKeyWith = async (t: TestApp, role: Record<string, unknown>): Promise<KeyCall> =>
  aKey(t, { role: (await aRole(t, role)).name })

/** Somebody who has become a member of a workspace; who they are is the business of logging in. */
export async function aMember(t: TestApp, role: string, workspaceId = '00000000-0000-7000-8000-000000000001'): Promise<string> {
  const [personId, id] = [newId(), newId()]
  await t.database.query(
    `insert into person (id, issuer, subject, email, name, created_at) values ($1::uuid, 'i', $1::uuid::text, 'p@example.org', 'P', now())`,
    [personId],
  )
  await t.database.query(
    `insert into member (workspace_id, id, person_id, role, added_by, created_at, updated_at, revision) values ($1, $2, $3, $4, 'test', now(), now(), 1)`,
    [workspaceId, id, personId, role],
  )
  return id
}

/** Walk a list page by page. @returns a field of every item, in order */
export async function walked(call: Call, path: string, field = 'id'): Promise<string[]> {
  const seen: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const answer: TestAnswer<{ items: Record<string, string>[]; nextCursor: string | null }> = await call(
      'GET',
      `${path}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
    )
    expect(answer.status, answer.text).toBe(200)
    seen.push(...answer.body.items.map((item) => item[field]!))
    cursor = answer.body.nextCursor
  }
  return seen
}

/** What `app.ts` wires for the rest of the service: who may do what by now. */
export const presenceIn = ({ app }: TestApp, hasBootstrapKey = true): Presence =>
  createPresence({ hasBootstrapKey, isOpen: app.authenticator.isOpen })
