// A process that holds the embedded PostgreSQL until it is killed, or SIGTERM asks it to release: node hold-lease.ts DATA_DIR
import { startEmbeddedPostgres } from '../index.ts'

const held = await startEmbeddedPostgres({ dataDir: process.argv[2]!, log: () => {} })
console.log(held.connectionString)
process.on('SIGTERM', () => held.release().then(() => process.exit(0)))
setInterval(() => {}, 60_000)
