import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type Log, serverAccount } from './account.ts'
import { postgresBinaries } from './binaries.ts'
import { homeIn, makeCluster, makeHome, makeSocketDir, serverCommand } from './cluster.ts'
import { hasWatchdog, type Lease, runningServer, takeLease, type Watchdog, watchdogOf } from './lease.ts'

export { canReach } from './account.ts'

export type EmbeddedPostgres = {
  /** Superuser `postgres`, over the Unix socket; there is no port and no password. */
  readonly connectionString: string
  readonly socketDir: string
  /** Give the server up. The last to do so stops it, and then this resolves when it is down (after 5 s at the latest). */
  release(): Promise<void>
}

const startMs = 60_000
const recoveryMs = 600_000 // for a server that says it is busy with recovering from a crash
const stopMs = 5_000

/**
 * Start a PostgreSQL on a folder, or join the one that runs there. Any number of processes may; it stops, cleanly, when
 * the last of them has released it or has ended, however it ended, and is started again should it die.
 *
 * How: a watchdog, a shell script of its own, starts the server and reads a FIFO, of which every holder keeps the write
 * end open. The kernel closes that with its process, so the watchdog sees end of file when the last one is gone.
 *
 * @param options.dataDir the data folder, made if missing; the server lives in `postgres/` under it
 * @param options.database its name, made if missing
 * @throws Error with the reason, what to do and the end of the server's log, within 60 s (10 min while the server is recovering from a crash)
 */
export async function startEmbeddedPostgres(options: { dataDir: string; log: Log; database?: string }): Promise<EmbeddedPostgres> {
  const { log, database = 'promptstore' } = options
  const home = homeIn(options.dataDir)
  const account = serverAccount(home, log)
  makeHome(home, account)
  const bin = postgresBinaries(account, log)
  if (account) log('running as root, which PostgreSQL refuses: it runs as another user', { ...account, folder: home })
  await makeCluster(home, bin, account)
  const socketDir = makeSocketDir(home, account)
  const held = await hold(home, database, watchdogOf(home, serverCommand(home, bin, socketDir), account))
  log('the embedded PostgreSQL is up', { folder: home, socketDir: held.socketDir })
  let released: Promise<void> | undefined
  return {
    connectionString: connectionString(held.socketDir, database),
    socketDir: held.socketDir,
    release: () => (released ??= release(home, held.lease)),
  }
}

type Held = { lease: Lease; socketDir: string }

/** Lease the server and wait until it answers; when its watchdog goes in the meantime, do both again. */
async function hold(home: string, database: string, watchdog: Watchdog): Promise<Held> {
  const begun = Date.now()
  let deadline = begun + startMs
  let problem: unknown
  while (Date.now() < deadline && !watchdog.gaveUp()) {
    const lease = await takeLease(home, watchdog, deadline)
    while (lease && Date.now() < deadline && lease.isValid()) {
      const socketDir = runningServer(home)?.socketDir // its own word: another process's temporary folder may be another one
      try {
        if (socketDir) {
          await ensureDatabase(socketDir, database)
          return { lease, socketDir }
        }
      } catch (error) {
        problem = error
        // Stopped half-way, a long recovery would begin anew at the next start, and never come to its end.
        if (isRecovering(error)) deadline = Math.min(Date.now() + startMs, begun + recoveryMs)
      }
      await sleep(20)
    }
    lease?.close()
  }
  const reason = watchdog.gaveUp() ? 'ended each time it was started' : `did not answer within ${Math.round((Date.now() - begun) / 1000)} s`
  const last = problem instanceof Error ? ` (${problem.message})` : ''
  throw new Error(`the embedded PostgreSQL in ${home} ${reason}${last}. The end of its server.log:\n${endOfFile(join(home, 'server.log'))}`)
}

const isRecovering = (error: unknown) => error instanceof pg.DatabaseError && error.code === '57P03'

/** @throws whatever the connection throws while the server is still starting */
async function ensureDatabase(socketDir: string, database: string): Promise<void> {
  const client = new pg.Client({ connectionString: connectionString(socketDir, 'postgres'), connectionTimeoutMillis: 5_000 })
  client.on('error', () => {}) // a connection lost between two queries; the next query tells
  try {
    await client.connect()
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [database])
    if (!rowCount) await client.query(`create database ${client.escapeIdentifier(database)}`)
  } finally {
    await client.end().catch(() => {})
  }
}

async function release(home: string, lease: Lease): Promise<void> {
  const before = runningServer(home)
  lease.close()
  const begun = Date.now()
  let othersHold: boolean | undefined
  while (before && runningServer(home)?.pid === before.pid && !othersHold && Date.now() - begun < stopMs) {
    await sleep(10)
    // A watchdog that saw the last holder go has closed its end long before.
    if (othersHold === undefined && Date.now() - begun > 300) othersHold = hasWatchdog(home)
  }
}

const connectionString = (socketDir: string, database: string) =>
  `postgresql://postgres@localhost/${encodeURIComponent(database)}?host=${encodeURIComponent(socketDir)}`

/** The last lines of a log, at most 2 kB. */
function endOfFile(path: string): string {
  try {
    const file = openSync(path, 'r')
    const { size } = fstatSync(file)
    const buffer = Buffer.alloc(2_000)
    const read = readSync(file, buffer, 0, buffer.length, Math.max(0, size - buffer.length))
    closeSync(file)
    return buffer.toString('utf8', 0, read).trim().split('\n').slice(-12).join('\n')
  } catch (error) {
    return `(${error})`
  }
}
