import pg from 'pg'
import { uncompiled } from '../../infrastructure/postgres/client.ts'

/** Values are written as every version reads them, nothing is compiled, and nothing ends the work but its own end. */
const settings = `set client_encoding = 'UTF8'; set datestyle = 'ISO, YMD'; set timezone = 'UTC'; set intervalstyle = 'postgres'; set bytea_output = 'hex';
  set extra_float_digits = 1; set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set lock_timeout = '60s'; set ${uncompiled}`

/** Run on a session of one's own, which ends with the work, and with it every lock and transaction. */
export async function withSession<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, keepAlive: true })
  client.on('error', () => undefined) // a connection lost between two queries; the next query tells
  await client.connect()
  try {
    await client.query(settings)
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

export const quoted = (name: string): string => pg.escapeIdentifier(name)
export const quotedList = (names: readonly string[]): string => names.map(quoted).join(', ')
