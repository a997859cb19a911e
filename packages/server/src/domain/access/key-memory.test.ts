import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Db } from '../../core/db.ts'
import { newId } from '../../core/ids.ts'
import { appendEvents } from '../../core/outbox.ts'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import { addKey, defaultWorkspaceId, newKey } from './index.ts'
import { createKeyMemory } from './key-memory.ts'
import { hashKey } from './model/keys.ts'

let t: TestApp
beforeEach(async () => {
  t = await startTestApp({ open: true })
})
afterEach(() => t.stop())

const system = <T>(work: (db: Db) => Promise<T>): Promise<T> => t.app.database.within('system', 'write', work)

/** The database's answers, each held back until it is let go: for what happens between an answer and its arrival. */
function heldBack() {
  let asked = 0
  let arrived = () => {}
  let letGo = () => {}
  const gate = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const waiting = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const slow = async <T>(work: (db: Db) => Promise<T>): Promise<T> => {
    asked++
    const answer = await system(work)
    arrived()
    await gate
    return answer
  }
  return { slow, waiting, letGo, asked: () => asked }
}

async function makeKey(): Promise<{ id: string; hash: string }> {
  const id = newId()
  const key = newKey(id)
  const row = {
    id,
    workspaceId: defaultWorkspaceId,
    name: 'test',
    key,
    permissions: ['*'],
    instanceAdmin: false,
    createdBy: 'test',
    at: new Date().toISOString(),
  }
  await system((db) => addKey(db, row))
  await t.app.feed.confirm()
  return { id, hash: hashKey(key) }
}

async function revoke(id: string): Promise<void> {
  const at = new Date().toISOString()
  await system(async (db) => {
    await db.updateTable('apiKey').set({ revokedAt: at }).where('id', '=', id).execute()
    const by = { workspaceId: defaultWorkspaceId, actor: 'test', requestId: id, at, explicitWorkspace: true }
    await appendEvents(db, [{ type: 'key.revoked', subject: id, data: {} }], by)
  })
  await t.app.feed.confirm()
}

test('a key is asked for once, and again after any key has changed', async () => {
  const { hash } = await makeKey()
  const { slow, letGo, asked } = heldBack()
  letGo()
  const memory = createKeyMemory(slow, t.app.feed)
  for (let n = 0; n < 5; n++) expect((await memory.find(hash))?.principal.workspaceId).toBe(defaultWorkspaceId)
  for (let n = 0; n < 5; n++) expect(await memory.find('unknown')).toBeUndefined()
  expect([asked(), memory.peek(hash)?.principal.workspaceId]).toEqual([2, defaultWorkspaceId])
  await makeKey()
  expect([asked(), memory.peek(hash)]).toEqual([2, undefined])
  await memory.find(hash)
  expect(asked()).toBe(3)
})

test('a key that was revoked while the answer was on its way is not remembered', async () => {
  const { id, hash } = await makeKey()
  const { slow, waiting, letGo } = heldBack()
  const memory = createKeyMemory(slow, t.app.feed)
  const first = memory.find(hash)
  await waiting
  await revoke(id)
  letGo()
  await first
  expect([memory.peek(hash), await memory.find(hash)]).toEqual([undefined, undefined])
})

test('open mode that ended while the answer was on its way has ended', async () => {
  const { slow, waiting, letGo } = heldBack()
  const memory = createKeyMemory(slow, t.app.feed)
  const first = memory.isOpen()
  await waiting
  await makeKey()
  letGo()
  await first
  expect([memory.peekOpen(), await memory.isOpen()]).toEqual([false, false])
})

test('once there was a key nobody asks again', async () => {
  await makeKey()
  const { slow, letGo, asked } = heldBack()
  letGo()
  const memory = createKeyMemory(slow, t.app.feed)
  for (let n = 0; n < 3; n++) expect(await memory.isOpen()).toBe(false)
  await makeKey()
  expect([await memory.isOpen(), asked()]).toEqual([false, 1])
})
