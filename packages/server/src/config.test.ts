import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
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
  ['LOG_LEVEL', ['INFO', 'loud', '3']],
  ['BOOTSTRAP_API_KEY', ['short', 'x'.repeat(31)]],
  ['RATE_LIMIT', ['2000', '0/s', '-1/s', '10/m', 'none', '1.5/s', '10000000/s']],
  ['TRUST_PROXY', ['true', 'loopback', '0', '10', '10.0.0.0/33', '::1/129', '10.0.0.1/8/8', '10.0.0.1,', 'proxy.example']],
  ['LOAD_SHEDDING', ['1', 'yes', 'OFF']],
  ['ALLOW_OPEN', ['yes', '2', 'TRUE']],
  ['CACHE_BYTES', ['-1', '128MB', '1e6', '100000000001']],
  ['ENCRYPTION_KEY', ['short']],
  ['AUDIT_SIGNING_KEY', ['short']],
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

test('a long wrong value does not make a long message', () => {
  expect(() => readConfig({ LOG_LEVEL: 'x'.repeat(10_000) })).toThrow(/^.{1,250}$/)
})

test('DATABASE_DIRECT_URL alone is refused: it stands beside DATABASE_URL', () => {
  expect(() => readConfig({ DATABASE_DIRECT_URL: postgres })).toThrow(/^DATABASE_DIRECT_URL /)
  expect(readConfig({ DATABASE_URL: postgres, DATABASE_DIRECT_URL: postgres }).databaseDirectUrl).toBe(postgres)
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
    logLevel: 'info',
    bootstrapApiKey: undefined,
    rateLimit: { perSecond: 2000 },
    trustProxy: undefined,
    shedding: true,
    allowOpen: false,
    cacheBytes: 134_217_728,
    encryptionKey: undefined,
    auditSigningKey: undefined,
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
  })
  expect(config).toMatchObject({
    port: 0,
    host: '::1',
    dataDir: '/var/lib/store',
    databaseConnections: 2,
    rateLimit: 'off',
    allowOpen: true,
    cacheBytes: 0,
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
