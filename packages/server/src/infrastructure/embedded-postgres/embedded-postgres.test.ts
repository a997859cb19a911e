import { execFileSync, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { serverAccount } from './account.ts'
import { findPackage, postgresBinaries } from './binaries.ts'
import { makeSocketDir } from './cluster.ts'
import { canReach, startEmbeddedPostgres } from './index.ts'
import { query, sandbox, until } from './testing/sandbox.ts'

const isRoot = process.getuid?.() === 0
const silent = () => {}
const start = (dataDir: string, log: (message: string) => void = silent) => startEmbeddedPostgres({ dataDir, log })

test('the first start makes a database that sorts, folds and splits words the same everywhere, on a socket only', async () => {
  await using box = sandbox()
  const held = await start(box.dataDir)
  const one = async (sql: string) => (await query(held.connectionString, sql))[0]
  expect(await one(`select current_database(), current_user, current_setting('server_version_num')::int / 10000`)).toEqual([
    'promptstore',
    'postgres',
    18,
  ])
  expect(
    await one(`select pg_encoding_to_char(encoding), datlocprovider, datlocale from pg_database where datname = current_database()`),
  ).toEqual(['UTF8', 'b', 'C.UTF-8'])
  expect(await one(`select lower('ÄÖ'), 'é' ~ '\\w', to_tsvector('simple', '“Hi” 你好。世界')::text`)).toEqual([
    'äö',
    true,
    `'hi':1 '世界':3 '你好':2`,
  ])
  const settings = `select array_agg(setting order by name) from pg_settings where name in ('fsync', 'full_page_writes', 'listen_addresses', 'synchronous_commit', 'TimeZone')`
  expect((await one(settings))?.[0]).toEqual(['UTC', 'on', 'on', '', 'on'])
  expect(statSync(held.socketDir).mode & 0o777).toBe(0o700)
  await held.release()
  await until('the server is gone', () => box.serverPid() === undefined)
  await until('it says so', () => box.log().includes('database system is shut down'))
})

test('what was written is there at the next start, and releasing twice does no harm', async () => {
  await using box = sandbox()
  const first = await start(box.dataDir)
  await query(first.connectionString, 'create table t as select 7 as n')
  await Promise.all([first.release(), first.release()])
  const second = await start(box.dataDir)
  expect(await query(second.connectionString, 'select n from t')).toEqual([[7]])
  await second.release()
})

test('a database of another name is made beside the first', async () => {
  await using box = sandbox()
  const held = await startEmbeddedPostgres({ dataDir: box.dataDir, log: silent, database: 'a "b" c' })
  expect(await query(held.connectionString, 'select current_database()')).toEqual([['a "b" c']])
  await held.release()
})

test('several processes that start at once on an empty folder end up with one server', async () => {
  await using box = sandbox()
  const holders = await Promise.all([box.holder(), box.holder(), box.holder()])
  const starts = await Promise.all(
    holders.map(({ connectionString }) => query(connectionString, 'select pg_postmaster_start_time()::text, inet_server_addr()')),
  )
  expect(new Set(starts.map(String)).size).toBe(1)
  expect(readdirSync(box.home).filter((name) => /^(init|ack)-/.test(name))).toEqual([])
})

test('a programme started by a holder does not inherit its lease', async () => {
  await using box = sandbox()
  const held = await start(box.dataDir)
  const open = execFileSync('/bin/sh', ['-c', 'ls -l /proc/$$/fd'], { encoding: 'utf8' })
  expect(open).not.toContain('lease')
  expect(spawnSync('ls', ['-l', `/proc/${process.pid}/fd`], { encoding: 'utf8' }).stdout).toContain('lease')
  await held.release()
})

test('a data folder may have a very long path', async () => {
  await using box = sandbox(join(...Array.from({ length: 8 }, (_, i) => `${i}-a-folder-with-a-long-name-`)))
  expect(box.home.length).toBeGreaterThan(200)
  const [held, other] = [await start(box.dataDir), await start(box.dataDir)]
  expect(held.socketDir.length).toBeLessThan(90)
  expect(other.socketDir).toBe(held.socketDir)
  expect(await query(other.connectionString, 'select 1')).toEqual([[1]])
  await other.release()
  await held.release()
  rmSync(held.socketDir, { recursive: true })
})

test('a data folder may have spaces, quotes, commas and more in its path', async () => {
  await using box = sandbox(`a b's "c", $d %41 é\\`)
  const held = await start(box.dataDir)
  expect(held.socketDir).toBe(join(box.home, 'run'))
  expect(await query(held.connectionString, 'select 1')).toEqual([[1]])
  await held.release()
  await until('the server is gone', () => box.serverPid() === undefined)
})

test('a socket folder in the temporary folder that is a link, or open to others, is refused', async () => {
  await using box = sandbox('x'.repeat(120))
  mkdirSync(box.home, { recursive: true })
  const dir = makeSocketDir(box.home, undefined)
  chmodSync(dir, 0o755)
  expect(() => makeSocketDir(box.home, undefined)).toThrow(/a link, or not a folder of user/)
  rmSync(dir, { recursive: true })
  symlinkSync(box.root, dir)
  expect(() => makeSocketDir(box.home, undefined)).toThrow(/a link, or not a folder of user/)
  rmSync(dir)
})

test('a folder of another major version, or of something else, is refused with what to do', async () => {
  await using box = sandbox()
  await (await start(box.dataDir)).release()
  await until('the server is gone', () => box.serverPid() === undefined)
  writeFileSync(join(box.home, 'data', 'PG_VERSION'), '17\n')
  await expect(start(box.dataDir)).rejects.toThrow(/made by PostgreSQL 17, this release runs 18.*backup/)
  rmSync(join(box.home, 'data', 'PG_VERSION'))
  await expect(start(box.dataDir)).rejects.toThrow(/has no PG_VERSION/)
})

// These wait more than they work: together.
test.concurrent('a damaged database is told with the end of the log, not by waiting', async () => {
  await using box = sandbox()
  await (await start(box.dataDir)).release()
  await until('the server is gone', () => box.serverPid() === undefined)
  writeFileSync(join(box.home, 'data', 'global', 'pg_control'), Buffer.alloc(8192, 1))
  await expect(start(box.dataDir)).rejects.toThrow(/ended each time it was started[\s\S]*database files are incompatible/)
})

test.concurrent('a database that cannot recover is told just as soon, by every process that starts it', async () => {
  await using box = sandbox()
  await (await start(box.dataDir)).release()
  await until('the server is gone', () => box.serverPid() === undefined)
  rmSync(join(box.home, 'data', 'pg_wal'), { recursive: true })
  for (const name of ['', 'archive_status', 'summaries'])
    cpSync(join(box.home, 'run'), join(box.home, 'data', 'pg_wal', name), { recursive: true })
  const starts = await Promise.allSettled([start(box.dataDir), start(box.dataDir)])
  for (const { status, ...rest } of starts)
    expect(String('reason' in rest && rest.reason)).toMatch(/ended each time[\s\S]*checkpoint record/)
  await until('all shells are gone', () => box.watchdogs().length === 0)
})

test('a platform without a package is told to set DATABASE_URL', () => {
  expect(() => findPackage('plan9-mips')).toThrow(/no embedded PostgreSQL for plan9-mips.*DATABASE_URL/)
})

test('the links of the package are made when its install script did not run', async () => {
  await using box = sandbox()
  cpSync(findPackage(), box.root, { recursive: true, verbatimSymlinks: true })
  const link = join(box.root, 'native', 'lib', 'libicuuc.so.60')
  rmSync(link)
  expect(postgresBinaries(undefined, silent, box.root)).toBe(join(box.root, 'native', 'bin'))
  expect(lstatSync(link).isSymbolicLink()).toBe(true)
})

test('a log beyond 10 MB is put aside at the next start', async () => {
  await using box = sandbox()
  await (await start(box.dataDir)).release()
  await until('the server is gone', () => box.serverPid() === undefined)
  appendFileSync(join(box.home, 'server.log'), 'x'.repeat(10 * 1024 * 1024))
  await (await start(box.dataDir)).release()
  await until('the server is gone', () => box.serverPid() === undefined)
  expect(statSync(join(box.home, 'server.log.1')).size).toBeGreaterThan(10 * 1024 * 1024)
  expect(box.log().length).toBeLessThan(100_000)
})

test.runIf(isRoot)('as root the server runs as another user, who is the owner of its folder, and the log says so', async () => {
  await using box = sandbox()
  const said: string[] = []
  const held = await start(box.dataDir, (message) => said.push(message))
  const uid = statSync(box.home).uid
  expect(uid).not.toBe(0)
  expect(statSync(`/proc/${box.serverPid()}`).uid).toBe(uid)
  expect(said.join()).toContain('running as root')
  await held.release()
})

test.runIf(isRoot)('as root a data folder that the other user cannot reach is refused with what to do', async () => {
  await using box = sandbox('closed/data')
  mkdirSync(join(box.root, 'closed'), { mode: 0o700 })
  expect([canReach(box.root), canReach(join(box.root, 'open', 'not-there-yet')), canReach(box.dataDir)]).toEqual([true, true, false])
  await expect(start(box.dataDir)).rejects.toThrow(/DATA_DIR to a folder such as \/var\/lib\/prompt-store, or DATABASE_URL/)
})

test.runIf(isRoot)('as root a package in a closed folder is copied once to an open one', async () => {
  await using box = sandbox()
  const closed = join(box.root, 'closed')
  mkdirSync(closed, { mode: 0o700 })
  cpSync(findPackage(), join(closed, 'package'), { recursive: true, verbatimSymlinks: true })
  const account = serverAccount(box.home, silent)
  const places = ['/etc/passwd/nowhere', join(box.root, 'place')]
  const bin = postgresBinaries(account, silent, join(closed, 'package'), places)
  expect(bin).toMatch(/place\/postgres-18\.[^/]+\/bin$/)
  const { ino } = statSync(bin)
  expect(statSync(postgresBinaries(account, silent, join(closed, 'package'), places)).ino).toBe(ino)
  expect(readdirSync(join(box.root, 'place'))).toHaveLength(1)
  expect(() => postgresBinaries(account, silent, join(closed, 'package'), ['/etc/passwd/nowhere'])).toThrow(
    /does not run here.*DATABASE_URL/,
  )
})

test.runIf(isRoot)('a user unknown to the system, as in a container with any uid, is told what to do', async () => {
  await using box = sandbox()
  mkdirSync(box.home)
  chownSync(box.home, 54_321, 54_321)
  await expect(start(box.dataDir)).rejects.toThrow(/user does not exist[\s\S]*a user that is in \/etc\/passwd, or set DATABASE_URL/)
})

test('a start that is killed in the middle of making the database leaves nothing half-made in use', async () => {
  for (let round = 0; round < Number(process.env.FAULT_ROUNDS ?? 3); round++) {
    await using box = sandbox()
    const starter = box.spawnHolder()
    await until(
      'initdb runs',
      () => readdirSync(box.root).includes('postgres') && readdirSync(box.home).some((name) => name.startsWith('init-')),
    )
    await new Promise((done) => setTimeout(done, 100 * round))
    starter.kill('SIGKILL')
    const { connectionString } = await box.holder()
    expect(await query(connectionString, 'select 1')).toEqual([[1]])
  }
})
