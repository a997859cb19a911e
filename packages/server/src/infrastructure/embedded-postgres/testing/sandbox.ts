import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { runningServer } from '../lease.ts'

export type Holder = { child: ChildProcess; connectionString: string; kill(signal: NodeJS.Signals): Promise<void> }

/** A data folder of its own, gone with everything that runs on it at the end: `await using box = sandbox()`. */
export function sandbox(below = '') {
  const root = mkdtempSync(join(tmpdir(), 'embedded-'))
  chmodSync(root, 0o755) // the server may run as another user
  const dataDir = join(root, below)
  const home = join(dataDir, 'postgres')
  const children: ChildProcess[] = []

  /** Start a process that holds the server; resolves when it does. */
  const holder = async (): Promise<Holder> => {
    const child = spawnHolder()
    const connectionString = await new Promise<string>((done, failed) => {
      child.stdout?.once('data', (data) => done(String(data).trim()))
      child.once('exit', (code) => failed(new Error(`the holder ended with code ${code}`)))
    })
    return { child, connectionString, kill: (signal) => end(child, signal) }
  }
  const spawnHolder = () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'hold-lease.ts'), dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    return child
  }
  return {
    root,
    dataDir,
    home,
    holder,
    spawnHolder,
    serverPid: () => runningServer(home)?.pid,
    log: () => (existsSync(join(home, 'server.log')) ? readFileSync(join(home, 'server.log'), 'utf8') : ''),
    /** Process ids of the shells that watch this folder's server: the watchdog first, then its reader of the FIFO. */
    watchdogs: () => processesWith(home).filter((pid) => commandOf(pid)[0] === '/bin/sh'),
    [Symbol.asyncDispose]: async () => {
      for (const child of children) await end(child, 'SIGKILL')
      for (let i = 0; i < 300 && runningServer(home); i++) await sleep(10)
      for (const pid of processesWith(home)) killIfThere(pid)
      rmSync(root, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((done) => child.once('exit', done))
  child.kill(signal)
  await ended
}

export function killIfThere(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal)
  } catch {} // it ended by itself
}

const commandOf = (pid: number): string[] => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}

const processesWith = (home: string): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid && commandOf(pid).includes(home))
    .sort((a, b) => a - b)

/** Wait until it is so. @throws after `ms` */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, ms = 60_000): Promise<void> {
  for (const end = Date.now() + ms; !(await isSo()); await sleep(10)) if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
}

/** One statement on a connection of its own; its rows as arrays. */
export async function query(connectionString: string, sql: string): Promise<unknown[][]> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query({ text: sql, rowMode: 'array' })).rows
  } finally {
    await client.end().catch(() => {})
  }
}

/** The same, tried again for 60 s while the server is away. */
export async function queryPatiently(connectionString: string, sql: string): Promise<unknown[][]> {
  for (const end = Date.now() + 60_000; ; await sleep(20)) {
    try {
      return await query(connectionString, sql)
    } catch (error) {
      if (Date.now() > end) throw error
    }
  }
}
