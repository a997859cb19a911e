import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseNetwork } from './core/addresses.ts'
import type { RateLimit } from './core/limits/exchange.ts'
import type { LoginRules } from './domain/access/index.ts'
import { type AllowedNetwork, AllowListError, parseAllowList } from './infrastructure/http-client/allow-list.ts'
import type { ProviderSettings } from './infrastructure/oidc/identity-provider.ts'

/** A wrong environment: one line that names the variable. The process ends with code 2. */
export class ConfigError extends Error {}

export type Config = Readonly<{
  port: number
  host: string
  dataDir: string
  databaseUrl: string | undefined
  /** A session connection beside a pooled `databaseUrl`. */
  databaseDirectUrl: string | undefined
  databaseConnections: number
  redisUrl: string | undefined
  /** The Redis Stream to which the change feed is mirrored, and how many entries it keeps, about. */
  redisStream: Readonly<{ name: string; maxLength: number }> | undefined
  logLevel: string
  bootstrapApiKey: string | undefined
  rateLimit: RateLimit
  /** Proxies in front whose `X-Forwarded-For` is believed: addresses and networks, or how many. */
  trustProxy: string[] | number | undefined
  /** Refuse the less urgent when there is too much to do. */
  shedding: boolean
  allowOpen: boolean
  /** Bytes for the level-1 cache; 0 turns it off. */
  cacheBytes: number
  /** What makes vectors for semantic search. */
  embeddings: 'off' | 'offline' | Readonly<{ url: string; model: string; apiKey: string | undefined }>
  /** Bytes that the vectors in memory may take. */
  vectorBytes: number
  encryptionKey: string | undefined
  auditSigningKey: string | undefined
  login: LoginConfig | undefined
  /** Whether changes leave audit entries. */
  audit: boolean
  /** After so many days events leave the event log. */
  eventRetentionDays: number
  /** Networks besides the public ones to which workspaces may have requests sent. */
  outboundAllow: readonly AllowedNetwork[]
}>

/** How people log in: the OpenID provider, and who is what from then on. */
export type LoginConfig = LoginRules & Omit<ProviderSettings, 'redirectUri'>

type Env = Readonly<Record<string, string | undefined>>
type Reader<T> = (text: string) => T | undefined

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']
const integer =
  (min: number, max: number): Reader<number> =>
  (text) =>
    /^\d{1,12}$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : undefined
const url =
  (protocols: readonly string[]): Reader<string> =>
  (text) => {
    // A Unix socket's URL (postgresql://user@/db?host=/run) has no host, which URL does not take for these schemes' sake.
    const protocol = /^([a-z][a-z0-9+.-]*:)\/\//.exec(text)?.[1]
    return protocol && protocols.includes(protocol) ? text : undefined
  }
const secret: Reader<string> = (text) => (text.length >= 32 ? text : undefined)
const flag: Reader<boolean> = (text) => (['1', 'true'].includes(text) ? true : ['0', 'false'].includes(text) ? false : undefined)
const onOff: Reader<boolean> = (text) => (text === 'on' ? true : text === 'off' ? false : undefined)
const rate: Reader<RateLimit> = (text) => {
  if (text === 'off') return 'off'
  const perSecond = /^([1-9]\d{0,6})\/s$/.exec(text)?.[1]
  return perSecond ? { perSecond: Number(perSecond) } : undefined
}

/** @throws ConfigError for a length without a name */
function redisStreamOf(read: Read): Config['redisStream'] {
  const name = read(
    'REDIS_STREAM',
    (text) => (/^[\x21-\x7e]{1,200}$/.test(text) ? text : undefined),
    undefined,
    '1 to 200 printable ASCII characters',
  )
  const given = read('REDIS_STREAM_MAXLEN', integer(1_000, 1e9), undefined, 'a number of entries from 1000 to 1000000000')
  if (name === undefined && given !== undefined) throw new ConfigError('REDIS_STREAM_MAXLEN stands beside REDIS_STREAM; set that one too.')
  return name === undefined ? undefined : { name, maxLength: given ?? 1_000_000 }
}

/** `https`, or `http` on this machine alone. */
const webAddress: Reader<URL> = (text) => {
  const address = URL.parse(text)
  if (!address || address.username || address.password || address.search || address.hash) return undefined
  const { protocol, hostname } = address
  return protocol === 'https:' || (protocol === 'http:' && (isLoopback(hostname) || hostname === '[::1]')) ? address : undefined
}
const origin: Reader<string> = (text) => {
  const address = webAddress(text)
  return address?.pathname === '/' ? address.origin : undefined
}
const listOf =
  (form: RegExp): Reader<readonly string[]> =>
  (text) => {
    const parts = text.split(',').map((part) => part.trim().toLowerCase())
    return parts.every((part) => form.test(part)) ? parts : undefined
  }

const issuerForm: Reader<string> = (text) => webAddress(text) && text
const scopes: Reader<string> = (text) =>
  /^[\x21\x23-\x5b\x5d-\x7e ]+$/.test(text) && text.split(' ').includes('openid') ? text : undefined
const domains = listOf(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/)
const addresses = listOf(/^[^\s@]+@[^\s@]+$/)

type Read = <T, D>(name: string, reader: Reader<T>, fallback: D, wanted: string) => T | D

/** @throws ConfigError when only a part of it is set */
function readLogin(read: Read): LoginConfig | undefined {
  const text: Reader<string> = (value) => value
  const needed = {
    OIDC_CLIENT_ID: read('OIDC_CLIENT_ID', text, undefined, 'a text'),
    OIDC_CLIENT_SECRET: read('OIDC_CLIENT_SECRET', text, undefined, 'a text'),
    PUBLIC_URL: read(
      'PUBLIC_URL',
      origin,
      undefined,
      'an address without a path such as https://prompts.example.com; http on loopback only',
    ),
  }
  const optional = {
    OIDC_SCOPES: read('OIDC_SCOPES', scopes, undefined, 'scopes separated by spaces, openid among them'),
    OIDC_ALLOWED_DOMAINS: read('OIDC_ALLOWED_DOMAINS', domains, undefined, 'domains separated by commas, such as example.com,example.org'),
    OIDC_OWNER_EMAILS: read('OIDC_OWNER_EMAILS', addresses, undefined, 'e-mail addresses separated by commas'),
    OIDC_TRUST_EMAIL: read('OIDC_TRUST_EMAIL', flag, undefined, '1 or 0'),
    OIDC_POST_LOGOUT_URL: read('OIDC_POST_LOGOUT_URL', issuerForm, undefined, 'an address such as https://prompts.example.com/'),
  }
  const sessionMs = read('SESSION_HOURS', integer(1, 720), 12, 'a number of hours from 1 to 720') * 3_600_000
  const idleMs = read('SESSION_IDLE_MINUTES', integer(1, 43_200), 60, 'a number of minutes from 1 to 43200') * 60_000
  const issuer = read('OIDC_ISSUER', issuerForm, undefined, 'an address such as https://login.example.com; http on loopback only')
  const { OIDC_CLIENT_ID: clientId, OIDC_CLIENT_SECRET: clientSecret, PUBLIC_URL: publicUrl } = needed
  if (issuer === undefined) {
    const { PUBLIC_URL: _, ...own } = needed
    const lonely = Object.entries({ ...own, ...optional }).find(([, value]) => value !== undefined)
    if (lonely) throw new ConfigError(`${lonely[0]} stands beside OIDC_ISSUER; set that one too.`)
    return undefined
  }
  if (clientId === undefined || clientSecret === undefined || publicUrl === undefined) {
    const missing = Object.entries(needed).find(([, value]) => value === undefined)
    throw new ConfigError(`${missing?.[0]} is needed beside OIDC_ISSUER; set that one too.`)
  }
  return {
    ...{ issuer, clientId, clientSecret, publicUrl, sessionMs, idleMs },
    scopes: optional.OIDC_SCOPES ?? 'openid email profile',
    allowedDomains: optional.OIDC_ALLOWED_DOMAINS ?? [],
    ownerEmails: optional.OIDC_OWNER_EMAILS ?? [],
    trustEmail: optional.OIDC_TRUST_EMAIL ?? false,
    postLogoutUrl: optional.OIDC_POST_LOGOUT_URL,
  }
}

/** Fastify would also take names such as `loopback`; a list that can be checked is enough. */
const proxies: Reader<string[] | number> = (text) => {
  if (/^[1-9]$/.test(text)) return Number(text)
  const networks = text.split(',').map((part) => part.trim())
  return networks.every(parseNetwork) ? networks : undefined
}

/** An endpoint when EMBEDDINGS_URL names one, else the encoder that comes with npm; EMBEDDINGS=off turns both off. */
function embeddingsOf(read: Read): Config['embeddings'] {
  const text: Reader<string> = (given) => given
  const isOn = read('EMBEDDINGS', (given) => (['on', 'off'].includes(given) ? given : undefined), 'on', 'on or off') === 'on'
  const endpoint = read('EMBEDDINGS_URL', url(['http:', 'https:']), undefined, 'a URL such as https://host/v1')
  const model = read('EMBEDDINGS_MODEL', text, undefined, 'the name of a model')
  const apiKey = read('EMBEDDINGS_API_KEY', text, undefined, 'a key')
  if (!isOn) return 'off'
  if (!endpoint) return 'offline'
  if (!model) throw new ConfigError('EMBEDDINGS_URL stands beside EMBEDDINGS_MODEL; set that one too.')
  return { url: endpoint, model, apiKey }
}

/** @throws ConfigError with the entry that is wrong */
function outboundAllowOf({ OUTBOUND_ALLOW: text }: Env): readonly AllowedNetwork[] {
  try {
    return text ? parseAllowList(text) : []
  } catch (error) {
    if (!(error instanceof AllowListError)) throw error
    throw new ConfigError(`OUTBOUND_ALLOW must be networks with commas between; ${error.message}.`)
  }
}

/** Read the environment, once. @throws ConfigError */
export function readConfig(env: Env): Config {
  const read: Read = <T, D>(name: string, reader: Reader<T>, fallback: D, wanted: string): T | D => {
    const text = env[name]
    if (text === undefined || text === '') return fallback
    const value = reader(text)
    if (value === undefined)
      throw new ConfigError(`${name} must be ${wanted}${/KEY|URL|SECRET/.test(name) ? '' : `, not "${text.slice(0, 100)}"`}.`)
    return value
  }
  const postgres = url(['postgres:', 'postgresql:'])
  const config: Config = {
    port: read('PORT', integer(0, 65_535), 5110, 'a port from 0 to 65535'),
    host: read('HOST', (text) => (/^[\w.:-]+$/.test(text) ? text : undefined), '127.0.0.1', 'an address or a host name'),
    dataDir: resolve(read('DATA_DIR', (text) => text, 'data', 'a folder')),
    databaseUrl: read('DATABASE_URL', postgres, undefined, 'a URL such as postgresql://user:password@host:5432/database'),
    databaseDirectUrl: read('DATABASE_DIRECT_URL', postgres, undefined, 'a URL such as postgresql://user:password@host:5432/database'),
    databaseConnections: read('DATABASE_CONNECTIONS', integer(2, 500), 20, 'a number from 2 to 500'),
    redisUrl: read('REDIS_URL', url(['redis:', 'rediss:']), undefined, 'a URL such as redis://host:6379'),
    redisStream: redisStreamOf(read),
    logLevel: read('LOG_LEVEL', (text) => (logLevels.includes(text) ? text : undefined), 'info', `one of ${logLevels.join(', ')}`),
    bootstrapApiKey: read('BOOTSTRAP_API_KEY', secret, undefined, 'at least 32 characters long'),
    rateLimit: read('RATE_LIMIT', rate, { perSecond: 2000 }, 'off or <n>/s, such as 2000/s'),
    trustProxy: read('TRUST_PROXY', proxies, undefined, 'addresses or networks with commas between, or a number of proxies from 1 to 9'),
    shedding: read('LOAD_SHEDDING', (text) => (text === 'on' ? true : text === 'off' ? false : undefined), true, 'on or off'),
    allowOpen: read('ALLOW_OPEN', flag, false, '1 or 0'),
    cacheBytes: read('CACHE_BYTES', integer(0, 1e11), 128 * 1024 * 1024, 'a number of bytes; 0 turns the cache off'),
    embeddings: embeddingsOf(read),
    vectorBytes: read('VECTOR_BYTES', integer(0, 1e11), 256 * 1024 * 1024, 'a number of bytes'),
    encryptionKey: read('ENCRYPTION_KEY', secret, undefined, 'at least 32 characters long'),
    auditSigningKey: read('AUDIT_SIGNING_KEY', secret, undefined, 'at least 32 characters long'),
    login: readLogin(read),
    audit: read('AUDIT', onOff, true, 'on or off'),
    eventRetentionDays: read('EVENT_RETENTION_DAYS', integer(1, 3_650), 90, 'a number of days from 1 to 3650'),
    outboundAllow: outboundAllowOf(env),
  }
  if (config.databaseDirectUrl && !config.databaseUrl)
    throw new ConfigError('DATABASE_DIRECT_URL stands beside DATABASE_URL; set that one too.')
  if (config.redisStream && !config.redisUrl) throw new ConfigError('REDIS_STREAM stands beside REDIS_URL; set that one too.')
  return config
}

export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

/**
 * A secret of the installation: from the environment, else from a file of mode 0600 under the data folder, made at the
 * first start. Several machines must share it: set the variable there.
 * @throws ConfigError when the file can neither be read nor made
 */
export function installationSecret(dataDir: string, file: string, fromEnvironment: string | undefined): string {
  if (fromEnvironment !== undefined) return fromEnvironment
  const path = join(dataDir, file)
  try {
    if (!existsSync(path)) makeSecret(path)
    chmodSync(path, 0o600)
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new ConfigError(
      `DATA_DIR is ${dataDir}, where ${file} can neither be read nor made (${(error as NodeJS.ErrnoException).code}). Set it to a folder that the service owns.`,
    )
  }
}

/** Whole or not at all, and never in place of one that is there: whoever reads meanwhile, or was killed, does no harm. */
function makeSecret(path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  writeFileSync(draft, randomBytes(32).toString('hex'), { mode: 0o600, flag: 'wx', flush: true })
  try {
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft, { force: true })
  }
}
