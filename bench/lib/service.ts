import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type Measured, startMeasured } from './measured-process.ts'

const main = new URL('../../packages/server/src/main.ts', import.meta.url)
const pair = new URL('../workers/pair.ts', import.meta.url)

export const apiKey = 'bootstrap-key-of-the-benchmarks-0123456789'
export const workspaceId = '00000000-0000-7000-8000-000000000001'

/** The flags that `npm start` gives to node: the service is measured as it is run. And for looking closer: BENCH_NODE_ARGS=--cpu-prof. */
const nodeFlags: readonly string[] = [
  ...(
    /^node (.*?)\s*packages/.exec(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).scripts.start)?.[1] ?? ''
  ).split(' '),
  ...(process.env.BENCH_NODE_ARGS ?? '').split(' '),
].filter((flag) => flag !== '')

/** The service, running as it does in production: a process of its own, on a real socket. */
export type Service = Measured & Readonly<{ port: number }>

/** A data folder, with the embedded PostgreSQL that a service starts in it. */
export type Installation = Readonly<{
  dataDir: string
  /** The superuser's connection, over the Unix socket. */
  databaseUrl: string
  query<R extends object>(text: string, values?: unknown[]): Promise<R[]>
}>

/** Run with a data folder of its own, which is gone afterwards. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'prompt-store-bench-'))
  chmodSync(folder, 0o755) // a server that root starts runs as another user, who must get in
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}

/** Run with a fresh installation and one service in it; both are gone afterwards. */
export const withService = <T>(work: (service: Service, installation: Installation) => Promise<T>): Promise<T> =>
  withFolder((dataDir) => withServiceIn(dataDir, work))

/** The same in a folder of the caller's. */
export const withServiceIn = <T>(dataDir: string, work: (service: Service, installation: Installation) => Promise<T>): Promise<T> =>
  withAnother(dataDir, {}, async (service) => {
    const installation = installationIn(dataDir)
    try {
      return await work(service, installation)
    } finally {
      await installation.close()
    }
  })

/** Run with one more service on a data folder that may have one already. @param instances more than one: behind one port */
export async function withAnother<T>(
  dataDir: string,
  env: Record<string, string>,
  work: (service: Service) => Promise<T>,
  instances = 1,
): Promise<T> {
  const service = await startService(dataDir, env, instances)
  try {
    return await work(service)
  } finally {
    await service.stop()
  }
}

/** Start a service and wait until it is ready. The caller stops it. @param program another build's main.ts; this one's unless told */
export async function startService(dataDir: string, env: Record<string, string> = {}, instances = 1, program = main): Promise<Service> {
  const port = await freePort()
  const settings = {
    DATA_DIR: dataDir,
    PORT: String(port),
    HOST: '127.0.0.1',
    BOOTSTRAP_API_KEY: apiKey,
    LOG_LEVEL: 'warn',
    RATE_LIMIT: 'off',
    // The encoder works in the background whenever there is something to encode: rows that want it say so.
    EMBEDDINGS: 'off',
    ...env,
  }
  const process_ =
    instances === 1
      ? startMeasured(program, { env: settings, nodeArgs: [...nodeFlags] })
      : startMeasured(pair, { env: settings, args: [String(instances), ...nodeFlags], probe: false })
  try {
    if (instances > 1) await process_.told('ready')
    await ready(port, process_)
    return { ...process_, port }
  } catch (error) {
    await process_.stop()
    throw error
  }
}

async function ready(port: number, { exited, output }: Measured): Promise<void> {
  let ended = false
  void exited.then(() => (ended = true))
  for (let deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(10)) {
    if (ended) throw new Error(`the service ended at its start: ${output()}`)
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
    if (answer?.ok) return
  }
  throw new Error(`the service was not ready within 60 s: ${output()}`)
}

/** The database of a folder with a running service; the caller closes it. */
export function installationIn(dataDir: string) {
  const databaseUrl = `postgresql://postgres@localhost/promptstore?host=${encodeURIComponent(join(dataDir, 'postgres', 'run'))}`
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 })
  pool.on('error', () => undefined) // a connection that was lost while idle; the next query tells
  return {
    dataDir,
    databaseUrl,
    query: async <R extends object>(text: string, values?: unknown[]) => (await pool.query<R>(text, values)).rows,
    close: () => pool.end(),
  }
}

/** A port that nobody listens on just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
