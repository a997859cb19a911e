import { spawn } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { expect, test } from 'vitest'
import { serverAccount, spawnAs } from './account.ts'
import { postgresBinaries } from './binaries.ts'
import { makeSocketDir, serverCommand } from './cluster.ts'
import { startEmbeddedPostgres } from './index.ts'
import { watchdogOf } from './lease.ts'
import { killIfThere, query, queryPatiently, sandbox, until } from './testing/sandbox.ts'

const rounds = Number(process.env.FAULT_ROUNDS ?? 3)
const silent = () => {}

/** When the log says it, in ms of Date.now(); the last time. */
const loggedAt = (log: string, what: string) =>
  Date.parse(
    `${log
      .split('\n')
      .findLast((line) => line.includes(what))
      ?.slice(0, 23)
      .replace(' ', 'T')}Z`,
  )

const stopped = 'database system is shut down'

test('when its only holder is killed, the server begins to stop at once, and cleanly', {
  timeout: 240_000 + rounds * 5_000,
}, async () => {
  await using box = sandbox()
  const delays: number[] = []
  for (let round = 0; round < rounds; round++) {
    const { child, connectionString } = await box.holder()
    const client = new pg.Client({ connectionString }) // work under way does not hold it up
    client.on('error', silent)
    await client.connect()
    const busy = client.query('select pg_sleep(30)').catch(silent)
    const killed = Date.now()
    child.kill('SIGKILL')
    await until('the server is gone', () => box.serverPid() === undefined)
    await until('it says so', () => loggedAt(box.log(), stopped) >= killed - 1)
    delays.push(loggedAt(box.log(), 'received fast shutdown request') - killed)
    await busy
    await client.end().catch(silent)
  }
  console.log('ms from kill -9 of the only holder to the begin of the shutdown:', delays.join(' '))
  expect(box.log()).not.toContain('not properly shut down')
  expect(Math.min(...delays)).toBeLessThan(5_000) // it learns of it: neither a query of 30 s nor the 10 s for a lease are waited for
})

test('when the process that started the server is killed, it stays for the others, until the last one goes', {
  timeout: 240_000 + rounds * 5_000,
}, async () => {
  await using box = sandbox()
  for (let round = 0; round < rounds; round++) {
    const [starter, second] = [await box.holder(), await box.holder()]
    const pid = box.serverPid()
    await starter.kill('SIGKILL')
    const third = await box.holder()
    await sleep(200)
    expect(await query(second.connectionString, 'select 1')).toEqual([[1]])
    await second.kill('SIGTERM')
    expect(box.serverPid()).toBe(pid)
    await third.kill('SIGTERM')
    await until('the server is gone', () => box.serverPid() === undefined)
  }
  expect(box.log()).not.toContain('not properly shut down')
})

test('a killed server comes back by itself, with every acknowledged row, even when a busy query outlives it', {
  timeout: 240_000 + rounds * 10_000,
}, async () => {
  await using box = sandbox()
  const held = await startEmbeddedPostgres({ dataDir: box.dataDir, log: silent })
  await query(held.connectionString, 'create table t (n int)')
  const away: number[] = []
  for (let round = 0; round < rounds; round++) {
    const before = box.serverPid()!
    const busy = query(held.connectionString, 'select count(*) from generate_series(1, 100000000000)').catch(silent)
    await query(held.connectionString, `insert into t values (${round})`)
    process.kill(before, 'SIGKILL')
    const killed = Date.now()
    await until('another server', () => ![before, undefined].includes(box.serverPid()))
    expect(await queryPatiently(held.connectionString, 'select count(*)::int from t')).toEqual([[round + 1]])
    away.push(Date.now() - killed)
    await busy
  }
  console.log('ms from kill -9 of the server to the next answer:', away.join(' '))
  await held.release()
  await until('the server is gone', () => box.serverPid() === undefined)
})

test('who comes while the server is stopping gets one that stays', async () => {
  await using box = sandbox()
  let held = await startEmbeddedPostgres({ dataDir: box.dataDir, log: silent })
  for (let round = 0; round < 10; round++) {
    const leaving = held.release()
    await sleep(round)
    held = await startEmbeddedPostgres({ dataDir: box.dataDir, log: silent })
    await leaving
    await sleep(30) // had the lease been taken from a watchdog that was already going, its server would be gone by now
    expect(await query(held.connectionString, 'select 1')).toEqual([[1]])
  }
  await held.release()
})

// These wait more than they work: together.
test.concurrent('a server whose watchdog was killed is given a new one by the next that starts, and earlier leases count', async () => {
  await using box = sandbox()
  const first = await box.holder()
  const pid = box.serverPid()
  await until('both shells', () => box.watchdogs().length >= 2)
  for (const shell of box.watchdogs()) killIfThere(shell)
  const begun = Date.now()
  const second = await box.holder()
  console.log('ms to take over an orphaned server:', Date.now() - begun)
  expect(box.serverPid()).not.toBe(pid)
  await second.kill('SIGTERM')
  expect(await query(first.connectionString, 'select 1')).toEqual([[1]])
  await first.kill('SIGKILL')
  await until('the server is gone', () => box.serverPid() === undefined)
  expect(box.log()).not.toContain('not properly shut down')
})

test.concurrent('an orphaned server that nobody holds is taken over too', async () => {
  await using box = sandbox()
  const first = await box.holder()
  await until('both shells', () => box.watchdogs().length >= 2)
  for (const shell of box.watchdogs()) killIfThere(shell)
  await first.kill('SIGKILL')
  const second = await box.holder()
  await second.kill('SIGKILL')
  await until('the server is gone', () => box.serverPid() === undefined)
  expect(box.log()).not.toContain('not properly shut down')
})

test.concurrent('a server whose watchdog was killed, but not its reader of leases, is stopped after the last holder', async () => {
  await using box = sandbox()
  const held = await box.holder()
  await until('both shells', () => box.watchdogs().length >= 2)
  killIfThere(box.watchdogs()[0]!)
  await sleep(50)
  expect(await query(held.connectionString, 'select 1')).toEqual([[1]])
  await held.kill('SIGKILL')
  await until('the server is gone', () => box.serverPid() === undefined)
  await until('it says so', () => box.log().includes(stopped)) // after its pid file has gone
})

/** A watchdog without a holder, as a starter leaves it that is killed at the wrong moment. */
function loneWatchdog(home: string) {
  const account = serverAccount(home, silent)
  return watchdogOf(home, serverCommand(home, postgresBinaries(account, silent), makeSocketDir(home, account)), account)
}

test.concurrent('a server that nobody has leased within 10 s is stopped', async () => {
  await using box = sandbox()
  await (await startEmbeddedPostgres({ dataDir: box.dataDir, log: silent })).release()
  loneWatchdog(box.home).start()
  await until('it runs', () => box.serverPid() !== undefined)
  await until('the server is gone', () => box.serverPid() === undefined)
  expect(box.log()).not.toContain('not properly shut down')
})

test('a second watchdog goes without touching the server of the first', async () => {
  await using box = sandbox()
  const held = await startEmbeddedPostgres({ dataDir: box.dataDir, log: silent })
  await until('both shells', () => box.watchdogs().length >= 2)
  const before = [box.serverPid(), box.watchdogs()[0]]
  const second = loneWatchdog(box.home)
  second.start()
  await until('it has tried', () => box.log().includes('lock file "postmaster.pid" already exists'))
  await until('it has gone', () => box.watchdogs().length <= 3)
  await sleep(100)
  expect(second.gaveUp()).toBe(false)
  expect([box.serverPid(), box.watchdogs()[0]]).toEqual(before)
  await held.release()
})

test('a pid file left by a crash whose process id now belongs to something else does not bar the start', async () => {
  await using box = sandbox()
  const held = await startEmbeddedPostgres({ dataDir: box.dataDir, log: silent })
  const file = join(box.home, 'data', 'postmaster.pid')
  const left = readFileSync(file, 'utf8')
  await held.release()
  await until('the server is gone', () => box.serverPid() === undefined)
  const { uid, gid } = statSync(box.home)
  const stranger = spawn('sleep', ['60'], spawnAs(process.getuid?.() === 0 ? { uid, gid } : undefined))
  writeFileSync(file, left.replace(/^\d+/, String(stranger.pid)))
  const again = await startEmbeddedPostgres({ dataDir: box.dataDir, log: silent })
  expect(await query(again.connectionString, 'select 1')).toEqual([[1]])
  expect(stranger.exitCode ?? stranger.signalCode).toBeNull()
  expect(box.log()).toContain('is no server of this folder')
  stranger.kill('SIGKILL')
  await again.release()
})
