import { spawn, spawnSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Account, mayEnter, spawnAs } from './account.ts'

const major = '18'

/** Longest path of a Unix socket in bytes: 107 on Linux, 103 on macOS; one limit, so that a data folder can move. */
const longestSocket = 103
const socketName = '.s.PGSQL.5432'

/** Word boundaries of full-text search come from LC_CTYPE even under the builtin locale; with plain C, quotes and CJK punctuation stick to words. */
const ctypes = ['C.UTF-8', 'en_US.UTF-8', 'C']

/**
 * The server's folder, under its one true path, so that links to the data folder do not make two of it.
 * @throws Error that names DATA_DIR and DATABASE_URL when the data folder cannot be made
 */
export function homeIn(dataDir: string): string {
  try {
    mkdirSync(dataDir, { recursive: true }) // without a mode: it would be given to the parents as well
    return join(realpathSync(dataDir), 'postgres')
  } catch (error) {
    throw unusable(dataDir, undefined, String(error))
  }
}

/**
 * Make the server's folder, closed to everybody but the account.
 * @throws Error that names DATA_DIR and DATABASE_URL when the account cannot get there
 */
export function makeHome(home: string, account: Account): void {
  try {
    mkdirSync(home, { recursive: true })
    if (account && statSync(home).uid === 0) chownSync(home, account.uid, account.gid)
    chmodSync(home, 0o700)
  } catch (error) {
    throw unusable(home, account, String(error))
  }
  if (!mayEnter(home, account)) throw unusable(home, account, 'a folder above it is closed to the user who runs the server')
}

const unusable = (folder: string, account: Account, reason: string) =>
  new Error(
    `the database cannot live in ${folder}, as user id ${account?.uid ?? process.getuid?.()}: ${reason}. Set DATA_DIR to a folder such as /var/lib/prompt-store, or DATABASE_URL to a PostgreSQL of your own.`,
  )

/**
 * Make the database cluster if there is none. Safe against being killed at any moment and against others doing the
 * same: it is made under another name, synced, and renamed.
 * @param bin folder of the binaries
 * @throws Error when the folder holds something else, or another major version
 */
export async function makeCluster(home: string, bin: string, account: Account): Promise<void> {
  removeLeftovers(home)
  const data = join(home, 'data')
  if (!existsSync(data)) {
    const fresh = join(home, `init-${randomUUID()}`)
    await initdb(bin, fresh, account)
    try {
      renameSync(fresh, data)
    } catch (error) {
      rmSync(fresh, { recursive: true, force: true })
      if (!existsSync(join(data, 'PG_VERSION'))) throw error // else another process was quicker
    }
    syncFolder(home)
  }
  checkVersion(data)
  makeFifo(join(home, 'lease'), account)
}

async function initdb(bin: string, data: string, account: Account): Promise<void> {
  const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8']
  const options = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', ...locale, '--no-instructions']
  let output = ''
  for (const ctype of ctypes) {
    const child = spawn(join(bin, 'initdb'), [...options, `--lc-ctype=${ctype}`], {
      ...spawnAs(account),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
    const code = await new Promise((done) => child.on('close', done).on('error', (error) => done(error.message)))
    if (code === 0) return
    output += `(${code})`
    if (!output.includes('locale')) break // anything but a locale this system does not have
  }
  const last = output.trim().split('\n').slice(-5).join('\n')
  const advice = output.includes('user does not exist') ? 'Run the service as a user that is in /etc/passwd' : 'Remove the reason'
  throw new Error(`the database could not be made in ${data}: ${last}\n${advice}, or set DATABASE_URL to a PostgreSQL of your own.`)
}

function checkVersion(data: string): void {
  const file = join(data, 'PG_VERSION')
  if (!existsSync(file))
    throw new Error(`${data} is not the folder of a database: it has no PG_VERSION. Move it away, or set DATA_DIR to another folder.`)
  const found = readFileSync(file, 'utf8').trim()
  if (found === major) return
  throw new Error(
    `${data} was made by PostgreSQL ${found}, this release runs ${major}. Move the data by a backup from the release that made it, restored into a fresh DATA_DIR; or set DATABASE_URL to a PostgreSQL of your own.`,
  )
}

function makeFifo(path: string, account: Account): void {
  if (!existsSync(path)) spawnSync('mkfifo', ['-m', '600', path], spawnAs(account))
  if (!existsSync(path) || !statSync(path).isFIFO())
    throw new Error(`${path} is not a FIFO and could not be made one; the file system must allow for them`)
}

/** What killed processes left behind. An hour and a minute are far beyond what the living need. */
function removeLeftovers(home: string): void {
  const lifetimes = { 'init-': 3_600_000, 'ack-': 60_000 }
  for (const name of readdirSync(home)) {
    const lifetime = Object.entries(lifetimes).find(([prefix]) => name.startsWith(prefix))?.[1]
    const found = lifetime && statSync(join(home, name), { throwIfNoEntry: false })
    if (found && Date.now() - found.mtimeMs > lifetime) rmSync(join(home, name), { recursive: true, force: true })
  }
}

/**
 * The folder of the server's socket: `run` in its home, or, where that makes a path too long for the system, a short
 * one in the temporary folder, always the same for the same home.
 * @throws Error when the short one is a link or somebody else's: whoever owns it could pose as the server
 */
export function makeSocketDir(home: string, account: Account): string {
  const uid = account?.uid ?? process.getuid?.() ?? 0
  const near = join(home, 'run')
  const hash = createHash('sha256').update(home).digest('hex').slice(0, 12)
  const fits = (dir: string) => Buffer.byteLength(join(dir, socketName)) <= longestSocket
  const dir = [near, join(tmpdir(), `prompt-store-${uid}-${hash}`)].find(fits) ?? `/tmp/prompt-store-${uid}-${hash}`
  if (!lstatSync(dir, { throwIfNoEntry: false })) makeFolder(dir)
  const found = lstatSync(dir)
  if (!found.isDirectory() || ![uid, process.getuid?.()].includes(found.uid) || (found.mode & 0o077) !== 0)
    throw new Error(
      `${dir}, for the database's socket, is a link, or not a folder of user ${uid} alone. Remove it, or set DATA_DIR to a shorter path.`,
    )
  if (found.uid !== uid) chownSync(dir, uid, account?.gid ?? -1)
  return dir
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error // else another process was quicker
  }
}

/** The server's command line. `full_page_writes`, `fsync` and `synchronous_commit` stay on: what was acknowledged is on the disk. */
export function serverCommand(home: string, bin: string, socketDir: string): string[] {
  const settings = {
    listen_addresses: '',
    unix_socket_directories: `"${socketDir.replaceAll('"', '""')}"`, // a list: quoted, so that a comma in a path does no harm
    unix_socket_permissions: '0700',
    max_connections: 100,
    shared_buffers: '128MB',
    wal_compression: 'pglz', // full pages are most of the WAL, and text shrinks well; lz4 and zstd are not in these binaries
    // Statements that were planned while a table was empty are planned anew once it has been analyzed: soon after it has grown.
    autovacuum_naptime: '15s',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] ',
  }
  return [
    join(bin, 'postgres'),
    '-D',
    join(home, 'data'),
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  fsyncSync(folder)
  closeSync(folder)
}
