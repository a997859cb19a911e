import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { askerOf } from '../../faults/testing/ask.ts'
import { bare, type Ended, installation, launchProcess, ownerKey, type Process } from '../../faults/testing/installation.ts'
import { assertIntegrity } from '../../faults/testing/integrity.ts'
import { startWriters } from '../../faults/testing/writers.ts'
import { clientOf, startTestApp, type TestDatabase } from '../../testing/index.ts'
import { backup, restore, verify } from './index.ts'
import { startDebian, testWithDebian } from './testing/debian.ts'
import { contentOf, filledStore, freshPath, migratedDatabase } from './testing/stores.ts'

const rounds = Number(process.env.FAULT_ROUNDS ?? 2)
const timeout = 240_000 + rounds * 30_000
const admin = (env: Record<string, string>, ...args: string[]): Process => launchProcess(`${import.meta.dirname}/../../admin.ts`, env, args)
const program = `"${process.execPath}" "${import.meta.dirname}/../../admin.ts"`
const shell = (command: string, env: Record<string, string>) =>
  spawnSync('bash', ['--norc', '-o', 'pipefail', '-c', command], { env: { ...bare(), ...env }, encoding: 'utf8' })
const succeeded = { code: 0, signal: null } satisfies Ended

async function done(process: Process): Promise<void> {
  expect(await process.ended, process.output()).toEqual(succeeded)
}

/** Enough rows that a command can be caught at its work. */
async function grow({ query }: Pick<TestDatabase, 'query'>, prompts = 20_000): Promise<void> {
  await query(
    `insert into prompt (workspace_id, id, category, name, description, type, tags, metadata, is_template, status, version, revision, created_by, created_at, updated_at)
     select '00000000-0000-7000-8000-000000000001', gen_random_uuid(), 'grown', 'prompt ' || n, '', 'text', '{}', '{}', false, 'draft', 1, 1, 'test', now(), now()
     from generate_series(1, $1::int) n`,
    [prompts],
  )
  await query(
    `insert into prompt_version (workspace_id, prompt_id, version, engine, content, variables, config, checksum, change_type, metadata, created_by, created_at)
     select workspace_id, id, 1, 'mustache', to_jsonb(repeat(name || ' says something. ', 60)), '[]', '{}', md5(name), 'create', '{}', 'test', now() from prompt where category = 'grown'`,
  )
}

test.skipIf(process.env.TEST_DATABASE_URL)(
  'a backup of a running service, written to without a pause, is one moment of it; it moves to another PostgreSQL, and back into an embedded one',
  { timeout },
  async () => {
    await using here = installation()
    const service = await here.start()
    const writers = startWriters(() => service.url)
    await expect.poll(() => writers.acknowledged).toBeGreaterThan(50)
    const file = freshPath()
    await done(here.launch('admin.ts', {}, ['backup', file]))
    const acknowledged = writers.acknowledged
    await expect.poll(() => writers.acknowledged).toBeGreaterThan(acknowledged)
    await writers.stop()

    const external = await migratedDatabase()
    await done(admin({ DATABASE_URL: external.url }, 'restore', file))
    const moved = await startTestApp({ database: external, bootstrapApiKey: ownerKey })
    onTestFinished(() => moved.stop())
    const { query } = external
    await query(`delete from outbox where type = 'key.created'`)
    await assertIntegrity({ query: query as never })
    const some = (await query<{ id: string }>('select id from prompt limit 1'))[0]!.id
    const before = (await clientOf(moved.url, ownerKey)('GET', `/prompts/${some}`)).text

    const again = freshPath()
    await done(admin({ DATABASE_URL: external.url }, 'backup', again))
    await using there = installation()
    await done(there.launch('admin.ts', {}, ['restore', again]))
    const back = await there.start()
    expect((await askerOf(() => back.url)('GET', `/prompts/${some}`)).body).toEqual(JSON.parse(before))
  },
)

testWithDebian('a store moves to another major version of PostgreSQL and back, whole', timeout, async () => {
  const database = await filledStore()
  await using debian = await startDebian()
  const [there, back] = [freshPath(), freshPath()]
  await backup(database.url, there, { force: false })
  await restore(debian.url, there)
  await backup(debian.url, back, { force: false })
  expect((await verify(back)).header.server).toMatch(new RegExp(`^${debian.major}\\b`))
  const target = await migratedDatabase()
  await restore(target.url, back)
  expect(await contentOf(target)).toEqual(await contentOf(database))
})

test('kill -9 during a backup leaves nothing under the name, and the next one works', { timeout }, async () => {
  const database = await filledStore()
  await grow(database)
  const file = freshPath()
  for (let round = 0; round < rounds; round++) {
    const killed = admin({ DATABASE_URL: database.url }, 'backup', file)
    await expect.poll(() => readdirSync(dirname(file)).length, { interval: 2 }).toBe(1)
    await sleep(Math.random() * 300)
    killed.signal('SIGKILL')
    await killed.ended
    if (!existsSync(file)) continue
    await verify(file) // it was faster: under the name there is all of it or nothing
    break
  }
  await done(admin({ DATABASE_URL: database.url }, 'backup', file, '--force'))
  expect(readdirSync(dirname(file))).toEqual(['store.backup'])
  expect((await verify(file)).tables.prompt).toBeGreaterThan(20_000)
})

test('kill -9 during a restore leaves an empty store, in which the next one works', { timeout }, async () => {
  const database = await filledStore()
  await grow(database)
  const file = freshPath()
  await backup(database.url, file, { force: false })
  let target = await migratedDatabase()
  const copying = `select 1 from pg_stat_activity where datname = current_database() and query like 'copy % from stdin'`
  for (let round = 0; round < rounds; round++) {
    const killed = admin({ DATABASE_URL: target.url }, 'restore', file)
    let over = false
    void killed.ended.then(() => (over = true))
    await expect.poll(async () => over || (await target.query(copying)).length > 0, { interval: 2 }).toBe(true)
    await sleep(Math.random() * 100)
    killed.signal('SIGKILL')
    if ((await killed.ended).signal === 'SIGKILL') expect(await target.query('select 1 from prompt')).toEqual([])
    else target = await migratedDatabase() // it was faster
  }
  await done(admin({ DATABASE_URL: target.url }, 'restore', file))
  expect(await contentOf(target)).toEqual(await contentOf(database))
})

test('a disk that is full is one line, exit 1, and no file', { timeout }, async () => {
  const database = await filledStore()
  const file = freshPath()
  // The largest file that may be written, in blocks of 512 or 1024 bytes, stands for the disk; the signal for it is ignored.
  const { status, stderr } = shell(`trap '' XFSZ; ulimit -f 4; exec ${program} backup "$FILE"`, { DATABASE_URL: database.url, FILE: file })
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^[^\n]*EFBIG[^\n]*\n$/)])
  expect(readdirSync(dirname(file))).toEqual([])
})

test('a backup goes through a pipe as through a file', { timeout }, async () => {
  const database = await filledStore()
  const target = await migratedDatabase()
  const command = `DATABASE_URL="$FROM" ${program} backup - | DATABASE_URL="$TO" ${program} restore -`
  const { status, stderr } = shell(command, { FROM: database.url, TO: target.url })
  expect([status, stderr]).toEqual([0, expect.stringMatching(/written: \d+ rows[\s\S]*restored: \d+ rows/)])
  expect(await contentOf(target)).toEqual(await contentOf(database))
})
