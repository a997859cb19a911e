import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { closeSync, constants, existsSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Account, spawnAs } from './account.ts'

/** An open write end of the FIFO. The kernel ends it with the process; a started program does not inherit it (node opens close-on-exec). */
export type Lease = { isValid(): boolean; close(): void }

/** What postmaster.pid says of the running server. */
export type Server = { readonly pid: number; readonly socketDir: string | undefined }

const pollMs = 5
/** The watchdog answers within a millisecond, or closes its end, which is noticed at once; this is for one that is stopped. */
const ackMs = 5_000
/** A watchdog opens the FIFO 20 ms after its server's pid file appears. A server without a reader for this long has lost its watchdog. */
const orphanMs = 3_000

/**
 * Take a lease on the server, having it started when it is not running.
 * @param home holds the FIFO, made before
 * @param deadline in ms of Date.now()
 * @returns the lease, acknowledged by a watchdog; undefined when the deadline passed or our watchdog gave up
 */
export async function takeLease(home: string, watchdog: Watchdog, deadline: number): Promise<Lease | undefined> {
  let waitingFor = { pid: 0, since: 0 }
  while (Date.now() < deadline && !watchdog.gaveUp()) {
    const lease = openLease(home)
    if (lease && (await isAcknowledged(home, lease))) return lease
    lease?.close() // the watchdog had seen the last holder go and is stopping
    const server = runningServer(home)
    if (!server) watchdog.start()
    // Without a reader a server is starting, stopping, or has lost its watchdog: give it time, then stop it.
    if (server?.pid !== waitingFor.pid) waitingFor = { pid: server?.pid ?? 0, since: Date.now() }
    else if (server && Date.now() - waitingFor.since > orphanMs) {
      stop(server.pid)
      waitingFor.since = Date.now()
    }
    await sleep(2 * pollMs)
  }
  return undefined
}

function stop(pid: number): void {
  try {
    process.kill(pid, 'SIGINT')
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error // else it ended just now
  }
}

/** Is somebody reading the FIFO, that is, does a watchdog keep the server running? */
export function hasWatchdog(home: string): boolean {
  const lease = openLease(home)
  lease?.close()
  return lease !== undefined
}

const stillOpen = '\n' // an empty line asks for nothing

function openLease(home: string): (Lease & { write(line: string): boolean }) | undefined {
  let fd: number
  try {
    fd = openSync(join(home, 'lease'), constants.O_WRONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (hasCode(error, 'ENXIO')) return undefined // nobody reads
    throw error
  }
  const write = (line: string) => {
    try {
      writeSync(fd, line) // less than PIPE_BUF: in one piece, whoever else writes
      return true
    } catch (error) {
      if (hasCode(error, 'EPIPE')) return false
      if (hasCode(error, 'EAGAIN')) return true // full: nobody has read it for long, but somebody has it open
      throw error
    }
  }
  return { write, isValid: () => write(stillOpen), close: () => closeSync(fd) }
}

/** Opened is not yet leased: the watchdog may have just seen the previous holder go. Its answer, a file, makes it sure. */
async function isAcknowledged(home: string, lease: Lease & { write(line: string): boolean }): Promise<boolean> {
  const name = `ack-${randomUUID()}`
  const file = join(home, name)
  if (!lease.write(`${name}\n`)) return false
  for (let waited = 0; waited < ackMs; waited += pollMs) {
    if (existsSync(file)) {
      rmSync(file, { force: true })
      return true
    }
    if (!lease.isValid()) return false
    await sleep(pollMs)
  }
  return false
}

/** The server that runs on this folder, starting and stopping included. */
export function runningServer(home: string): Server | undefined {
  const data = join(home, 'data')
  const [line, , , , socketDir] = (readIfThere(join(data, 'postmaster.pid')) ?? '').split('\n')
  const pid = Number(line)
  return pid > 0 && isServer(pid, data) ? { pid, socketDir: socketDir || undefined } : undefined
}

/** Process ids are reused, above all in containers, so a file that names a living process proves nothing. */
function isServer(pid: number, data: string): boolean {
  if (existsSync('/proc/self/cmdline')) return (readIfThere(`/proc/${pid}/cmdline`) ?? '').split('\0').includes(data)
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return !hasCode(error, 'ESRCH')
  }
}

export type Watchdog = {
  /** Start it, unless the one started here is still running. */
  start(): void
  /** Did the one started here fail to bring the server up? */
  gaveUp(): boolean
}

/**
 * The watchdog of a server: a shell script in a session of its own, so that neither our end nor a Ctrl-C reaches it.
 * Several processes may start one each; PostgreSQL's own lock leaves one of them.
 * @param command the server's command line
 */
export function watchdogOf(home: string, command: readonly string[], account: Account): Watchdog {
  let child: ChildProcess | undefined
  let failed = false
  const isRunning = () => child !== undefined && !failed && child.exitCode === null && child.signalCode === null
  return {
    start: () => {
      if (isRunning()) return
      const script = openSync(join(import.meta.dirname, 'watchdog.sh'), 'r') // as its input: the account may not be able to read our folder
      child = spawn('/bin/sh', ['-s', '--', home, ...command], { ...spawnAs(account), stdio: [script, 'ignore', 'ignore'], detached: true })
      child.on('error', () => (failed = true)).unref()
      closeSync(script)
    },
    gaveUp: () => failed || child?.exitCode === 1,
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const hasCode = (error: unknown, code: string) => (error as NodeJS.ErrnoException).code === code
