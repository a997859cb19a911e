import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { runningServer } from '../../infrastructure/embedded-postgres/lease.ts'
import { sandbox, until } from '../../infrastructure/embedded-postgres/testing/sandbox.ts'

export const ownerKey = 'owner-key-of-the-bad-days-0123456789'
const source = join(import.meta.dirname, '..', '..')

export type Ended = Readonly<{ code: number | null; signal: NodeJS.Signals | null }>
export type Process = Readonly<{
  pid: number
  /** Where it listens; empty for one that does not. */
  url: string
  /** The messages of its log so far. */
  log(): string[]
  /** All that it wrote to standard output and standard error. */
  output(): string
  signal(name: NodeJS.Signals): void
  ended: Promise<Ended>
}>

type Environment = Readonly<Record<string, string>>

/**
 * An installation of real processes on a data folder of its own; at its end all of it is gone, and none of
 * them may have warned of anything: `await using here = installation()`.
 */
export function installation() {
  const box = sandbox()
  const processes: Process[] = []

  /** Start `main.ts`, `worker.ts` or `admin.ts`; does not wait. A machine that runs many tests at once is overloaded, which is not what they are about. */
  const launch = (file: string, env: Environment = {}, args: readonly string[] = []): Process => {
    const started = launchProcess(
      join(source, file),
      { DATA_DIR: box.dataDir, PORT: '0', BOOTSTRAP_API_KEY: ownerKey, LOAD_SHEDDING: 'off', ...env },
      args,
    )
    processes.push(started)
    return started
  }
  /** Start a process and wait until it says that it is ready. */
  const start = async (file: 'main.ts' | 'worker.ts' = 'main.ts', env: Environment = {}): Promise<Process> => {
    const started = launch(file, env)
    const isUp = () => started.log().some((message) => ['ready', 'working'].includes(message))
    let ended: Ended | undefined
    void started.ended.then((how) => {
      ended = how
    })
    await until(`${file} is up`, () => isUp() || ended !== undefined, 120_000)
    if (!isUp()) throw new Error(`${file} ended with ${JSON.stringify(ended)}: ${started.output()}`)
    return started
  }
  return {
    dataDir: box.dataDir,
    launch,
    start,
    /** The postmaster's process id. */
    postmaster: () => box.serverPid(),
    /** The database's processes: the postmaster first, then its children. */
    backends: () => [box.serverPid()!, ...childrenOf(box.serverPid()!)],
    /** One statement as the database's administrator. */
    async query<R extends object>(text: string, values: unknown[] = []): Promise<R[]> {
      const host = encodeURIComponent(runningServer(box.home)!.socketDir!)
      const client = new pg.Client({ connectionString: `postgresql://postgres@localhost/promptstore?host=${host}` })
      client.on('error', () => undefined)
      try {
        await client.connect()
        return (await client.query<R>(text, values)).rows
      } finally {
        await client.end().catch(() => undefined)
      }
    },
    async [Symbol.asyncDispose]() {
      for (const { signal } of processes) signal('SIGKILL')
      await Promise.all(processes.map(({ ended }) => ended))
      await box[Symbol.asyncDispose]()
      const complaints = processes.flatMap(({ output }) =>
        output()
          .split('\n')
          .filter((line) => /^\(node:|Unhandled|unhandled/.test(line)),
      )
      if (complaints.length > 0) throw new Error(`a process complained:\n${complaints.join('\n')}`)
    },
  }
}

export type Installation = ReturnType<typeof installation>

/** An environment with nothing in it but how programs are found, and where Node keeps what it has compiled. */
export const bare = (): Record<string, string> => {
  const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env
  return { PATH, NODE_COMPILE_CACHE }
}

/** A process with this environment alone, in a process group of its own. An unhandled rejection ends it. */
export function launchProcess(file: string, env: Environment, args: readonly string[] = []): Process {
  const child: ChildProcess = spawn(process.execPath, ['--unhandled-rejections=strict', file, ...args], {
    env: { ...bare(), ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (data) => (output += data))
  const lines = () => output.split('\n').flatMap(parsed)
  return {
    pid: child.pid!,
    get url() {
      const port = lines().findLast(({ msg }) => msg === 'ready')?.address?.[0]?.port
      return port === undefined ? '' : `http://127.0.0.1:${port}`
    },
    log: () => lines().map(({ msg }) => msg),
    output: () => output,
    signal: (name) => void child.kill(name),
    ended: new Promise((done) => child.once('close', (code, signal) => done({ code, signal }))),
  }
}

function parsed(line: string): { msg: string; address?: { port: number }[] }[] {
  try {
    return [JSON.parse(line)]
  } catch {
    return [] // not a line of the log
  }
}

const childrenOf = (parent: number): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]) === parent
      } catch {
        return false // it has ended
      }
    })
