import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ConfigError, installationSecret, isLoopback, readConfig } from './config.ts'

const long = 'x'.repeat(32)
const postgres = 'postgresql://user:password@host:5432/database'

const wrong: [name: string, values: string[]][] = [
  ['PORT', ['0x10', '-1', '65536', '80.5', 'http', '1e3', ' 80']],
  ['HOST', ['a b', 'http://x', 'x/y', '*']],
  ['DATABASE_URL', ['mysql://x', 'host:5432', 'postgresql:/x', 'PostgreSQL']],
  ['DATABASE_DIRECT_URL', ['mysql://x', 'none']],
  ['DATABASE_CONNECTIONS', ['0', '1', '501', 'many', '-5']],
  ['REDIS_URL', ['localhost:6379', 'http://localhost']],
  ['REDIS_STREAM', ['a b', 'ä', 'x'.repeat(201)]],
  ['REDIS_STREAM_MAXLEN', ['999', 'many', '1e6', '-1']],
  ['EVENT_RETENTION_DAYS', ['0', '3651', '1.5', 'forever']],
  ['LOG_LEVEL', ['INFO', 'loud', '3']],
  ['BOOTSTRAP_API_KEY', ['short', 'x'.repeat(31)]],
  ['RATE_LIMIT', ['2000', '0/s', '-1/s', '10/m', 'none', '1.5/s', '10000000/s']],
  ['TRUST_PROXY', ['true', 'loopback', '0', '10', '10.0.0.0/33', '::1/129', '10.0.0.1/8/8', '10.0.0.1,', 'proxy.example']],
  ['LOAD_SHEDDING', ['1', 'yes', 'OFF']],
  ['ALLOW_OPEN', ['yes', '2', 'TRUE']],
  ['CACHE_BYTES', ['-1', '128MB', '1e6', '100000000001']],
  ['ENCRYPTION_KEY', ['short']],
  ['AUDIT_SIGNING_KEY', ['short']],
  [
    'PUBLIC_URL',
    ['prompts.example.com', 'http://prompts.example.com', 'https://x/path', 'https://x?q', 'https://a:b@x', 'ftp://x', 'https://x#y'],
  ],
  ['OIDC_ISSUER', ['login.example.com', 'http://login.example.com', 'https://a:b@x', 'https://x?y=z', 'javascript:x']],
  ['OIDC_SCOPES', ['email profile', 'openid "x"', 'openid,email']],
  ['OIDC_ALLOWED_DOMAINS', ['example', '@example.com', 'a.b,,c.d', 'a b.c']],
  ['OIDC_OWNER_EMAILS', ['ada', 'ada@', 'a@b c@d', 'a@b,']],
  ['OIDC_TRUST_EMAIL', ['yes']],
  ['OIDC_POST_LOGOUT_URL', ['prompts.example.com', 'http://prompts.example.com', 'https://x?y=z', '/goodbye']],
  ['SESSION_HOURS', ['0', '721', '1.5', '12h']],
  ['SESSION_IDLE_MINUTES', ['0', '-1', '43201']],
  ['AUDIT', ['yes', '1', 'true', 'ON']],
  ['OUTBOUND_ALLOW', ['*', 'example.com', '10.0.0.0/33', '10.1.2.3/8', '10.0.0.0/8:0', '10.0.0.0/8,', '[fd00::', `${'9'.repeat(500)}`]],
]

test.each(wrong.flatMap(([name, values]) => values.map((value) => [name, value])))(
  '%s=%s is refused with one line that names it',
  (name, value) => {
    let message = ''
    try {
      readConfig({ [name!]: value! })
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError)
      message = (error as Error).message
    }
    expect(message).toMatch(new RegExp(`^${name} must be [^\\n]+\\.$`))
  },
)

test('a message never holds a secret, nor a URL, in which there may be one', () => {
  for (const name of ['BOOTSTRAP_API_KEY', 'ENCRYPTION_KEY', 'AUDIT_SIGNING_KEY', 'DATABASE_URL', 'DATABASE_DIRECT_URL', 'REDIS_URL'])
    expect(() => readConfig({ [name]: 'Hunter2' })).toThrow(/^(?!.*Hunter2)/)
})

test('OUTBOUND_ALLOW is read into networks and ports; without it nothing more is open', () => {
  expect(
    readConfig({ OUTBOUND_ALLOW: '10.0.0.0/8:9000,[fd00::]/8' }).outboundAllow.map(({ network: [, bits], port }) => [bits, port]),
  ).toEqual([
    [8, 9000],
    [8, undefined],
  ])
  for (const env of [{}, { OUTBOUND_ALLOW: '' }]) expect(readConfig(env).outboundAllow).toEqual([])
})

test('a long wrong value does not make a long message', () => {
  expect(() => readConfig({ LOG_LEVEL: 'x'.repeat(10_000) })).toThrow(/^.{1,250}$/)
})

test('DATABASE_DIRECT_URL alone is refused: it stands beside DATABASE_URL', () => {
  expect(() => readConfig({ DATABASE_DIRECT_URL: postgres })).toThrow(/^DATABASE_DIRECT_URL /)
  expect(readConfig({ DATABASE_URL: postgres, DATABASE_DIRECT_URL: postgres }).databaseDirectUrl).toBe(postgres)
})

test('REDIS_STREAM needs REDIS_URL, and its length a stream', () => {
  expect(() => readConfig({ REDIS_STREAM: 'events' })).toThrow(/^REDIS_STREAM stands beside REDIS_URL/)
  expect(() => readConfig({ REDIS_URL: 'redis://host', REDIS_STREAM_MAXLEN: '5000' })).toThrow(
    /^REDIS_STREAM_MAXLEN stands beside REDIS_STREAM/,
  )
  const both = { REDIS_URL: 'redis://host', REDIS_STREAM: 'events' }
  expect(readConfig(both).redisStream).toEqual({ name: 'events', maxLength: 1_000_000 })
  expect(readConfig({ ...both, REDIS_STREAM_MAXLEN: '5000' }).redisStream).toEqual({ name: 'events', maxLength: 5_000 })
})

describe('logging in', () => {
  const whole = {
    OIDC_ISSUER: 'https://login.example.com/realms/company',
    OIDC_CLIENT_ID: 'prompt-store',
    OIDC_CLIENT_SECRET: 'Hunter2',
    PUBLIC_URL: 'https://prompts.example.com/',
  }
  const defaults = {
    issuer: 'https://login.example.com/realms/company',
    clientId: 'prompt-store',
    clientSecret: 'Hunter2',
    publicUrl: 'https://prompts.example.com',
    scopes: 'openid email profile',
    allowedDomains: [],
    ownerEmails: [],
    trustEmail: false,
    sessionMs: 43_200_000,
    idleMs: 3_600_000,
  }

  test('takes four variables, and the rest has defaults', () => {
    expect(readConfig(whole).login).toEqual(defaults)
    const more = {
      OIDC_SCOPES: 'openid email',
      OIDC_ALLOWED_DOMAINS: 'Example.com, example.org',
      OIDC_OWNER_EMAILS: 'Ada@Example.com',
      OIDC_TRUST_EMAIL: '1',
      OIDC_POST_LOGOUT_URL: 'https://prompts.example.com/goodbye',
    }
    expect(readConfig({ ...whole, ...more, SESSION_HOURS: '1', SESSION_IDLE_MINUTES: '5' }).login).toEqual({
      ...defaults,
      scopes: 'openid email',
      allowedDomains: ['example.com', 'example.org'],
      ownerEmails: ['ada@example.com'],
      trustEmail: true,
      postLogoutUrl: 'https://prompts.example.com/goodbye',
      sessionMs: 3_600_000,
      idleMs: 300_000,
    })
  })

  test('a provider or a service without TLS is taken on this machine alone', () => {
    const local = { ...whole, OIDC_ISSUER: 'http://127.0.0.1:9000', PUBLIC_URL: 'http://localhost:5110' }
    expect(readConfig(local).login).toMatchObject({ issuer: 'http://127.0.0.1:9000', publicUrl: 'http://localhost:5110' })
    expect(readConfig({ ...whole, OIDC_ISSUER: 'http://[::1]:9000' }).login?.issuer).toBe('http://[::1]:9000')
  })

  test.each(['OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET', 'PUBLIC_URL'])('without %s it is half set: one line names it', (name) => {
    expect(() => readConfig({ ...whole, [name]: '' })).toThrow(new RegExp(`^${name} is needed beside OIDC_ISSUER[^\\n]*$`))
  })

  test.each([
    ['OIDC_CLIENT_ID', 'x'],
    ['OIDC_CLIENT_SECRET', 'Hunter2'],
    ['OIDC_SCOPES', 'openid'],
    ['OIDC_ALLOWED_DOMAINS', 'a.b'],
    ['OIDC_OWNER_EMAILS', 'a@b'],
    ['OIDC_TRUST_EMAIL', '0'],
    ['OIDC_POST_LOGOUT_URL', 'https://x/'],
  ])('%s alone is half set: one line names it, and no secret', (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(new RegExp(`^${name} stands beside OIDC_ISSUER(?!.*Hunter2)[^\\n]*$`))
  })

  test('what does not need it may be set without it', () => {
    expect(readConfig({ PUBLIC_URL: 'https://x.example', SESSION_HOURS: '1' }).login).toBeUndefined()
  })
})

test('an encoder: the one that comes with npm, an endpoint with its model, or none', () => {
  const endpoint = { EMBEDDINGS_URL: 'https://host/v1', EMBEDDINGS_MODEL: 'small', EMBEDDINGS_API_KEY: 'key' }
  expect(readConfig({ EMBEDDINGS: 'off', ...endpoint }).embeddings).toBe('off')
  expect(readConfig(endpoint).embeddings).toEqual({ url: 'https://host/v1', model: 'small', apiKey: 'key' })
  expect(() => readConfig({ EMBEDDINGS_URL: 'https://host/v1' })).toThrow(/EMBEDDINGS_MODEL/)
  expect(() => readConfig({ EMBEDDINGS: 'maybe' })).toThrow(/^EMBEDDINGS must be on or off/)
  expect(() => readConfig({ EMBEDDINGS_URL: 'ftp://host' })).toThrow(/^EMBEDDINGS_URL must be/)
  expect(() => readConfig({ VECTOR_BYTES: '-1' })).toThrow(/^VECTOR_BYTES must be/)
})

test('an empty environment gives the defaults, and an empty value counts as none', () => {
  const defaults = readConfig({})
  expect(defaults).toEqual({
    port: 5110,
    host: '127.0.0.1',
    dataDir: resolve('data'),
    databaseUrl: undefined,
    databaseDirectUrl: undefined,
    databaseConnections: 20,
    redisUrl: undefined,
    redisStream: undefined,
    logLevel: 'info',
    bootstrapApiKey: undefined,
    rateLimit: { perSecond: 2000 },
    trustProxy: undefined,
    shedding: true,
    allowOpen: false,
    cacheBytes: 134_217_728,
    embeddings: 'offline',
    vectorBytes: 268_435_456,
    encryptionKey: undefined,
    auditSigningKey: undefined,
    login: undefined,
    audit: true,
    eventRetentionDays: 90,
    outboundAllow: [],
  })
  expect(readConfig(Object.fromEntries(wrong.map(([name]) => [name, ''])))).toEqual(defaults)
})

test('right values are taken', () => {
  const config = readConfig({
    PORT: '0',
    HOST: '::1',
    DATA_DIR: '/var/lib/store',
    DATABASE_URL: 'postgresql://app@/store?host=%2Frun%2Fpostgresql',
    DATABASE_CONNECTIONS: '2',
    REDIS_URL: 'rediss://host:6379',
    LOG_LEVEL: 'silent',
    BOOTSTRAP_API_KEY: long,
    RATE_LIMIT: 'off',
    ALLOW_OPEN: '1',
    CACHE_BYTES: '0',
    ENCRYPTION_KEY: long,
    AUDIT_SIGNING_KEY: long,
    AUDIT: 'off',
  })
  expect(config).toMatchObject({
    port: 0,
    host: '::1',
    dataDir: '/var/lib/store',
    databaseConnections: 2,
    rateLimit: 'off',
    allowOpen: true,
    cacheBytes: 0,
    audit: false,
    bootstrapApiKey: long,
  })
  expect(readConfig({ RATE_LIMIT: '50/s', ALLOW_OPEN: 'false' })).toMatchObject({ rateLimit: { perSecond: 50 }, allowOpen: false })
})

test.each([
  ['127.0.0.1', true],
  ['127.8.8.8', true],
  ['localhost', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['127.0.0.1.example.com', false],
  ['localhost.example.com', false],
  ['192.168.1.1', false],
])('%s is a loopback address: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'secrets-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

test('a secret that the environment does not give is made once, in a file for its owner alone', () => {
  const dataDir = join(folder(), 'deep', 'data')
  const secret = installationSecret(dataDir, 'encryption.key', undefined)
  expect(secret).toMatch(/^[0-9a-f]{64}$/)
  expect(installationSecret(dataDir, 'encryption.key', undefined)).toBe(secret)
  expect(installationSecret(dataDir, 'audit-signing.key', undefined)).not.toBe(secret)
  expect(installationSecret(dataDir, 'encryption.key', 'given')).toBe('given')
  expect(readdirSync(dataDir).sort()).toEqual(['audit-signing.key', 'encryption.key'])
  for (const file of readdirSync(dataDir)) expect(statSync(join(dataDir, file)).mode & 0o777).toBe(0o600)
})

test('a secret that is there is kept, and closed to others', () => {
  const dataDir = folder()
  writeFileSync(join(dataDir, 'encryption.key'), `${long}\n`, { mode: 0o644 })
  expect(installationSecret(dataDir, 'encryption.key', undefined)).toBe(long)
  expect(statSync(join(dataDir, 'encryption.key')).mode & 0o777).toBe(0o600)
  expect(readFileSync(join(dataDir, 'encryption.key'), 'utf8')).toBe(`${long}\n`)
})

test('a data folder in which no secret can be made is refused with one line that names DATA_DIR', () => {
  const dataDir = join(folder(), 'file')
  writeFileSync(dataDir, '')
  expect(() => installationSecret(dataDir, 'encryption.key', undefined)).toThrow(ConfigError)
  expect(() => installationSecret(dataDir, 'encryption.key', undefined)).toThrow(/^DATA_DIR is [^\n]+\.$/)
  const occupied = folder()
  mkdirSync(join(occupied, 'encryption.key'))
  expect(() => installationSecret(occupied, 'encryption.key', undefined)).toThrow(/^DATA_DIR is [^\n]+\.$/)
})
