import { type App, type AppOptions, createApp } from '../app.ts'
import { newId } from '../core/ids.ts'
import { addKey, newKey } from '../domain/access/index.ts'
import { createLog } from '../infrastructure/telemetry/log.ts'
import { type Call, clientOf } from './client.ts'
import { cloneDatabase, type TestDatabase } from './database.ts'

export type { Call, TestAnswer } from './client.ts'
export { clientOf } from './client.ts'
export { cloneDatabase, type TestDatabase } from './database.ts'

export const bootstrapKey = 'bootstrap-key-of-the-tests-0123456789'

export type TestApp = Readonly<{
  app: App
  url: string
  database: TestDatabase
  /** The owner of the default workspace. */
  owner: Call
  /** No key at all. */
  anonymous: Call
  /** A key of the default workspace with these permissions alone. */
  as(...permissions: string[]): Promise<Call>
  /** The owner of another, new workspace. */
  stranger(): Promise<Call & { workspaceId: string }>
  stop(): Promise<void>
}>

type Options = Partial<AppOptions> & { database?: TestDatabase; open?: boolean }

/** The whole service on a database of its own (or the given one) and a real socket. Replies are checked against their schemas. */
export async function startTestApp({ database: given, open = false, ...options }: Options = {}): Promise<TestApp> {
  const database = given ?? (await cloneDatabase())
  const app = await createApp({
    databaseUrl: database.url,
    databaseConnections: 8,
    cacheBytes: 32 * 1024 * 1024,
    encryptionKey: 'encryption-key-of-the-tests-012345678',
    auditSigningKey: 'audit-signing-key-of-the-tests-0123456',
    bootstrapApiKey: open ? undefined : bootstrapKey,
    shedding: false, // a machine that runs many tests at once is overloaded
    log: createLog(process.env.TEST_LOG_LEVEL ?? 'silent'),
    checkReplies: true,
    ...options,
  })
  await app.start()
  const url = await app.http.listen({ port: 0, host: '127.0.0.1' })
  const keyFor = async (workspaceId: string, permissions: string[]): Promise<string> => {
    const id = newId()
    const key = newKey(id)
    await app.database.within('system', 'write', (db) =>
      addKey(db, {
        id,
        workspaceId,
        name: 'test',
        key,
        permissions,
        instanceAdmin: false,
        createdBy: 'test',
        at: new Date().toISOString(),
      }),
    )
    return key
  }
  return {
    app,
    url,
    database,
    owner: clientOf(url, open ? undefined : bootstrapKey),
    anonymous: clientOf(url),
    as: async (...permissions) => clientOf(url, await keyFor('00000000-0000-7000-8000-000000000001', permissions)),
    async stranger() {
      const workspaceId = newId()
      await database.query('insert into workspace (id, name, created_at) values ($1, $2, now())', [workspaceId, 'another'])
      return Object.assign(clientOf(url, await keyFor(workspaceId, ['*'])), { workspaceId })
    },
    async stop() {
      await app.stop()
      if (!given) await database.drop()
    },
  }
}
