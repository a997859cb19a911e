/** Any number; all instances agree on it. */
const leaderLock = 7_266_051_102
/** Events in one read or one pass of the relay. */
export const maxListed = 5_000
export const signalChannel = 'prompt_store_feed'
export const pokeChannel = 'prompt_store_poke'

/** An instance that hangs gives the lead up after this long; one that has ended does so at once. */
export const prepareSql = `listen ${signalChannel}; listen ${pokeChannel}; set idle_session_timeout = 5000`

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

/** Give committed events their position, in the order of their ids; one leader runs this, so there are no gaps. */
export const relaySql = {
  name: 'feed_relay',
  text: `with todo as (select id, row_number() over (order by id) as n from outbox where position is null order by id limit ${maxListed}),
head as (update feed_head set position = position + (select count(*) from todo)
  where exists (select 1 from todo) returning position - (select count(*) from todo) as base, position),
placed as (update outbox set position = head.base + todo.n from todo, head where outbox.id = todo.id returning outbox.id)
select (select count(*) from placed)::int as placed, pg_notify('${signalChannel}', (select position::text from head)) from head`,
}

export const pokeSql = { name: 'feed_poke', text: `select pg_notify('${pokeChannel}', '')` }
