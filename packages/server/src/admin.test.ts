import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parseCommand, run, UsageError } from './admin/commands.ts'
import { bare } from './faults/testing/installation.ts'
import { startEmbeddedPostgres } from './infrastructure/embedded-postgres/index.ts'
import { migrations } from './infrastructure/postgres/migrate.ts'
import { clientOf, cloneDatabase, startTestApp, type TestDatabase } from './testing/index.ts'

type Ended = { code: number | null; out: string; err: string }

/** The real program, on the given environment alone. */
function admin(args: string[], env: Record<string, string>): Promise<Ended> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'admin.ts'), ...args], {
      env: { ...bare(), ...env },
    })
    const ended: Ended = { code: null, out: '', err: '' }
    child.stdout.on('data', (data) => (ended.out += data))
    child.stderr.on('data', (data) => (ended.err += data))
    child.on('close', (code) => done({ ...ended, code }))
  })
}

async function ownDatabase(): Promise<TestDatabase> {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  return database
}

/** A database in which nothing was ever done. */
async function emptyDatabase(): Promise<string> {
  const database = await ownDatabase()
  await database.query('drop schema public cascade')
  await database.query('drop schema if exists pgboss cascade')
  await database.query('create schema public')
  return database.url
}

/** Run a command in this process. @returns its lines on standard output */
async function lines(args: string[], url: string): Promise<string[]> {
  const results: string[] = []
  await run(parseCommand(args), url, { result: (line) => results.push(line), note: () => undefined })
  return results
}

const names = migrations().map(({ name }) => name)

test('the plan names what would be applied, and changes nothing', async () => {
  const url = await emptyDatabase()
  expect(await lines(['migrate', '--plan'], url)).toEqual(names.map((name) => `would apply ${name}`))
  expect(await lines(['migrate', '--plan'], url)).toEqual(names.map((name) => `would apply ${name}`))
})

test('migrating applies what is missing, and the second time there is nothing', async () => {
  const url = await emptyDatabase()
  expect(await lines(['migrate'], url)).toEqual(names.map((name) => `applied ${name}`))
  expect(await lines(['migrate'], url)).toEqual(['nothing to apply: the schema is that of this version'])
})

test('the first key is made on a database in which nothing was ever done', async () => {
  const [key] = await lines(['keys', 'bootstrap'], await emptyDatabase())
  expect(key).toMatch(/^ps_[0-9a-f]{32}_[0-9a-f]{64}_[0-9a-f]{8}$/)
})

test('the first key ends open mode of a running instance, owns the default workspace and is kept as a hash alone', async () => {
  const service = await startTestApp({ open: true })
  onTestFinished(() => service.stop())
  expect((await service.anonymous('GET', '/prompts')).status).toBe(200)
  const [key] = await lines(['keys', 'bootstrap', '--name', 'first'], service.database.url)
  await expect.poll(async () => (await service.anonymous('GET', '/prompts')).status).toBe(401)
  expect((await clientOf(service.url, key)('POST', '/prompts', { content: 'Hello', category: 'admin' })).status).toBe(201)
  const kept = await service.database.query<{ name: string; permissions: string[]; instance_admin: boolean; row: string }>(
    'select *, api_key::text as row from api_key',
  )
  expect(kept).toMatchObject([{ name: 'first', permissions: ['*'], instance_admin: true }])
  expect(kept[0]?.row).not.toContain(key)
})

test('where there is a key, revoked or not, another one is made by force only', async () => {
  const { url, query } = await ownDatabase()
  await lines(['keys', 'bootstrap'], url)
  await query('update api_key set revoked_at = now()')
  await expect(lines(['keys', 'bootstrap'], url)).rejects.toThrow('There is a key already')
  expect(await query('select 1 from api_key')).toHaveLength(1)
  expect(await lines(['keys', 'bootstrap', '--force'], url)).toHaveLength(1)
  expect(await query('select 1 from api_key')).toHaveLength(2)
})

test('of several that ask for the first key at once, one gets it', async () => {
  const { url, query } = await ownDatabase()
  const asked = await Promise.allSettled(Array.from({ length: 4 }, () => lines(['keys', 'bootstrap'], url)))
  expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(await query('select 1 from api_key')).toHaveLength(1)
})

test.each([
  [[], 'A command is missing'],
  [['keys'], 'There is no command "keys"'],
  [['migrate', '--force'], 'The command "migrate" takes no --force'],
  [['migrate', '--nope'], '--nope'],
  [['keys', 'bootstrap', '--name', ' '], 'The name of a key has 1 to 100 characters'],
])('the arguments %j are refused with a reason', (args, reason) => {
  expect(() => parseCommand(args)).toThrow(UsageError)
  expect(() => parseCommand(args)).toThrow(reason)
})

test('the program prints the key on standard output, what it is on standard error, and ends with 0', async () => {
  const { url } = await ownDatabase()
  const made = await admin(['keys', 'bootstrap'], { DATABASE_URL: url })
  expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/^ps_\S+\n$/), err: expect.stringContaining('shown this once') })
  const again = await admin(['keys', 'bootstrap'], { DATABASE_URL: url })
  expect(again).toEqual({ code: 1, out: '', err: 'There is a key already. Make more of them with it, or with --force here.\n' })
})

test('the program explains itself when asked, and refuses wrong arguments and a wrong environment with 2', async () => {
  expect(await admin(['--help'], {})).toMatchObject({ code: 0, out: expect.stringContaining('Usage:'), err: '' })
  expect(await admin(['migrat'], {})).toMatchObject({ code: 2, out: '', err: expect.stringContaining('There is no command "migrat".') })
  expect(await admin(['migrate'], { DATABASE_URL: 'mysql://x' })).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^DATABASE_URL must be .*\n$/),
  })
})

test('a database that does not answer is one line and exit 1', async () => {
  const { code, out, err } = await admin(['migrate'], { DATABASE_URL: 'postgresql://nobody@localhost:1/none' })
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toMatch(/^[^\n]*ECONNREFUSED[^\n]*\n$/)
})

test.skipIf(process.env.TEST_DATABASE_URL)(
  'without DATABASE_URL the program joins the embedded server that runs on the folder, and leaves it running',
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'admin-'))
    chmodSync(dataDir, 0o755) // root's server runs as another user, who must get in
    const server = await startEmbeddedPostgres({ dataDir, log: () => undefined })
    onTestFinished(async () => {
      await server.release()
      rmSync(dataDir, { recursive: true, force: true })
    })
    expect(await admin(['migrate'], { DATA_DIR: dataDir })).toEqual({
      code: 0,
      out: names.map((name) => `applied ${name}\n`).join(''),
      err: '',
    })
    expect(await lines(['migrate', '--plan'], server.connectionString)).toEqual(['nothing to apply: the schema is that of this version'])
  },
)
