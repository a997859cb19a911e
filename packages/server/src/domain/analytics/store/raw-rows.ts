import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import type { RawRow } from '../model/rollup.ts'
import { pieces } from './cursor.ts'

/** The columns of a raw row that are counted. */
const rawColumns = sql`workspace_id, series, (extract(epoch from occurred_at) * 1000)::bigint as occurred_at, latency_us, cost_micros,
  input_tokens, output_tokens, cached_tokens, ttft_us, score, flags, encode(user_hash, 'hex') as user_hash`

/** Raw rows that match, piece by piece. @param db a transaction, of which this uses one cursor at a time */
export const rawRows = (db: Db, matching: RawBuilder<unknown>): AsyncGenerator<RawRow[]> =>
  pieces<RawRow>(db, sql`select ${rawColumns} from usage_event where ${matching}`, 10_000)
