import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import type { FastifyBaseLogger } from 'fastify'
import { type App, createApp } from './app.ts'
import { type Config, ConfigError, installationSecret, isLoopback, readConfig } from './config.ts'
import { canReach, startEmbeddedPostgres } from './infrastructure/embedded-postgres/index.ts'
import { migrate } from './infrastructure/postgres/migrate.ts'
import { createLog } from './infrastructure/telemetry/log.ts'
import { startTelemetry } from './infrastructure/telemetry/otel.ts'

/** At the end: how long callers get to close their connections of their own accord, what is in flight to end, and all of it. */
const graceMs = 300
const drainMs = 20_000
const closeMs = 25_000

/** The database of this installation: the one that DATABASE_URL names, or the embedded one under the data folder. */
export async function openInstallation(
  config: Config,
  note: (message: string, details?: object) => void,
): Promise<{ url: string; directUrl?: string | undefined; release(): Promise<void> }> {
  if (config.databaseUrl) return { url: config.databaseUrl, directUrl: config.databaseDirectUrl, release: async () => undefined }
  const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir, log: note })
  return { url: embedded.connectionString, release: embedded.release }
}

/**
 * Run one process of the service until SIGTERM or SIGINT.
 * @param role `http`: answers requests and works on jobs; `worker`: works on jobs alone
 */
export async function runService(role: 'http' | 'worker'): Promise<void> {
  const config = configOrExit()
  const log = createLog(config.logLevel) as FastifyBaseLogger
  try {
    await run(role, config, log)
  } catch (error) {
    if (error instanceof ConfigError) exitWith(error.message, 2)
    exitWith(`The service could not start: ${(error as Error).message}`, 1)
  }
}

async function run(role: 'http' | 'worker', config: Config, log: FastifyBaseLogger): Promise<void> {
  const note = (message: string, details?: object) => log.info(details ?? {}, message)
  const installation = await openInstallation(config, note)
  const applied = await migrate(installation.directUrl ?? installation.url)
  if (applied.length > 0) note('the database was migrated', { applied })
  const telemetry = await startTelemetry(process.env, (message, details) => log.warn(details ?? {}, message))
  const app = await createApp({
    ...config,
    databaseUrl: installation.url,
    directUrl: installation.directUrl,
    outboundLoopback: isLoopback(config.host),
    ...secretsOf(config),
    auditCheckpoints: join(config.dataDir, 'audit-checkpoints.ndjson'),
    telemetry,
    log,
  })
  await app.start()
  if (role === 'http') {
    await refuseOpenOutside(app, config)
    await app.http.listen({ port: config.port, host: config.host })
  }
  onSignal(async (signal) => {
    note('closing', { signal })
    setTimeout(() => app.http.server.closeAllConnections(), drainMs).unref()
    await app.stop(role === 'http' ? graceMs : 0)
    await telemetry?.stop()
    await installation.release()
  }, log)
  note(role === 'http' ? 'ready' : 'working', { address: role === 'http' ? app.http.addresses() : [] })
}

/** The secrets of the installation, made at the first start. */
function secretsOf(config: Config): { encryptionKey: string; auditSigningKey: string } {
  return {
    encryptionKey: installationSecret(config.dataDir, 'encryption.key', config.encryptionKey),
    auditSigningKey: installationSecret(config.dataDir, 'audit-signing.key', config.auditSigningKey),
  }
}

/** Open mode is for this machine alone. @throws ConfigError when others could reach it */
async function refuseOpenOutside(app: App, config: Config): Promise<void> {
  if (isLoopback(config.host) || config.allowOpen || !(await app.authenticator.isOpen())) return
  throw new ConfigError(
    `HOST is ${config.host}, where others can reach the service, and there is no key yet. Set BOOTSTRAP_API_KEY, or make a key: npx prompt-store-admin keys bootstrap.`,
  )
}

/** The first signal closes in order and ends with 0; a second one ends the process at once. */
function onSignal(close: (signal: string) => Promise<void>, log: FastifyBaseLogger): void {
  let closing = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (closing) process.exit(1)
      closing = true
      setTimeout(() => {
        log.error('the service could not close in time')
        process.exit(1)
      }, closeMs).unref()
      close(signal).then(
        () => process.exit(0),
        (error) => {
          log.error({ err: error }, 'the service could not close in order')
          process.exit(1)
        },
      )
    })
}

/** The checked environment; where root's default folder is closed to the database's user, a folder that is not. */
export function configOrExit(): Config {
  requireNode()
  try {
    const config = readConfig(process.env)
    if (process.env.DATA_DIR || config.databaseUrl || canReach(config.dataDir)) return config
    const instead = join('/var/lib/prompt-store', createHash('sha256').update(resolve('.')).digest('hex').slice(0, 12))
    return { ...config, dataDir: instead }
  } catch (error) {
    if (error instanceof ConfigError) return exitWith(error.message, 2)
    throw error
  }
}

/** Without its install scripts npm may leave an older Node in place, which cannot run TypeScript. */
function requireNode(): void {
  const [major = 0] = process.versions.node.split('.').map(Number)
  if (major < 24)
    exitWith(`Node 24 is needed and this is ${process.version}. Start with "npm start", which uses the Node that npm ci installed.`, 2)
}

export function exitWith(message: string, code: number): never {
  process.stderr.write(`${message}\n`)
  process.exit(code)
}
