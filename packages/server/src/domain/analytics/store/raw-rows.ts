import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import type { RawRow } from '../model/rollup.ts'
import { pieces } from './cursor.ts'

/** The columns of a raw row that are counted, by the names that they have here: so many rows are not renamed one by one. */
const rawColumns = sql`workspace_id as "workspaceId", series, (date_part('epoch', occurred_at) * 1000)::bigint as "occurredAt",
  latency_us as "latencyUs", cost_micros as "costMicros", input_tokens as "inputTokens", output_tokens as "outputTokens",
  cached_tokens as "cachedTokens", ttft_us as "ttftUs", score, flags, encode(user_hash, 'hex') as "userHash"`

/** Raw rows that match, piece by piece. @param db a transaction, of which this uses one cursor at a time */
export const rawRows = (db: Db, matching: RawBuilder<unknown>): AsyncGenerator<RawRow[]> =>
  pieces<RawRow>(db.withoutPlugins(), sql`select ${rawColumns} from usage_event where ${matching}`, 10_000)
