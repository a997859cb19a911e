/** Any number; all instances agree on it. */
const leaderLock = 7_266_051_102
/** Events in one read or one pass of the relay. */
export const maxListed = 5_000
export const signalChannel = 'prompt_store_feed'
export const pokeChannel = 'prompt_store_poke'

/**
 * An instance that hangs gives the lead up after this long; one that has ended does so at once. Bitmap scans are off since
 * they visit every placed event that vacuum has not yet taken out of the index of the unplaced ones, each time: measured
 * 17 ms a read after 130,000 events, where an index scan marks such entries dead and skips them from then on. Sequential
 * scans are off since the statements may be planned while the outbox is empty: 19 ms a read after 60,000 events.
 */
export const prepareSql = `listen ${signalChannel}; listen ${pokeChannel}; set idle_session_timeout = 5000; set enable_bitmapscan = off; set enable_seqscan = off`

const columns = 'id, position, xid::text, workspace_id as "workspaceId", type, subject, data'

/**
 * The newest position, what came after $1, what has no position yet, and (unless $2 says it is held) a try for the lead;
 * all of one snapshot. Two branches, so that each finds its rows by an index however long the outbox is: a single one
 * with `or` is read in the order of the ids, from the first row on.
 */
export const confirmSql = {
  name: 'feed_confirm',
  text: `select (select position from feed_head) as head,
  pg_snapshot_xmin(pg_current_snapshot())::text as horizon,
  (select count(*)::int from outbox where position is null) as unplaced,
  coalesce((select json_agg(e) from (
    (select ${columns} from outbox where position > $1 order by position limit ${maxListed + 1})
    union all
    (select ${columns} from outbox where position is null order by id limit ${maxListed + 1})) e), '[]') as events,
  case when $2 then true else pg_try_advisory_lock(${leaderLock}) end as leader`,
}

/** What has no position yet, oldest first. */
export const unplacedSql = { name: 'feed_unplaced', text: `select id from outbox where position is null order by id limit ${maxListed}` }

/**
 * Give the events $1 their position, in the order given; one leader runs this, so there are no gaps. The ids come as an
 * array, so that each is found by the key: joined to a list of unknown length, the whole outbox would be read at each pass.
 */
export const placeSql = {
  name: 'feed_place',
  text: `with head as (update feed_head set position = position + cardinality($1::bigint[])
  returning position - cardinality($1::bigint[]) as base, position),
placed as (update outbox set position = head.base + given.n
  from head, unnest($1::bigint[]) with ordinality as given (id, n) where outbox.id = given.id and outbox.position is null)
select pg_notify('${signalChannel}', position::text) from head`,
}

export const pokeSql = { name: 'feed_poke', text: `select pg_notify('${pokeChannel}', '')` }
