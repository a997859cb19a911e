/**
 * SQL on pg-boss's table of jobs. A job waits as `created` or `retry` from its time `start_after` on, and is `active` while
 * a worker holds it. Each claim of a job that was begun before raises `retry_count`, so that id and `retry_count` name one
 * attempt: whoever was thought dead finds another number. What is done leaves the table.
 */
const jobs = 'pgboss.job_common'
/** Waits for the transactions of the attempt that are open: they hold the row by `for key share`, which signs of life pass. */
const locked = `with mine as materialized (select name, id from ${jobs} where name = $1 and id = $2 and state = 'active' and retry_count = $3 for update)`
const ofMine = 'from mine m where j.name = m.name and j.id = m.id'
const held = `name = $1 and id = $2 and state = 'active' and retry_count = $3`

/** $1 id, $2 name, $3 data, $4 workspace, $5 milliseconds to wait, $6 key or null. One that waits under the key is locked, so that none begins it before this is committed. */
export const enqueueSql = `/*hot:enqueue_job*/ insert into ${jobs} (id, name, data, group_id, start_after, singleton_key, upsert_by_key)
values ($1, $2, $3::jsonb, $4, now() + $5 * interval '1 millisecond', $6::text, $6::text is not null)
on conflict (name, singleton_key) where state = 'created' and upsert_by_key
do update set start_after = least(job_common.start_after, excluded.start_after)`

const firstDue = (state: string) =>
  `(select start_after from ${jobs} where name = q.name and state = '${state}' and not blocked order by start_after limit 1)`

/** Those of the queues $1 that have something to run now. Asked for the first in order, since a mere `exists` would be sought in the whole table. */
export const dueSql = `/*hot:due_queues*/ select q.name from unnest($1::text[]) q(name)
where ${firstDue('created')} <= now() or ${firstDue('retry')} <= now()`

/**
 * Take up to $2 jobs of the queue $1, the same number from each workspace that has some, in the order of their times.
 * $3: how many one workspace may have in hand here; $4: how many each has, by workspace. The workspaces are found by
 * skipping from one to the next in the index, so that it costs nothing how many jobs each has.
 */
export const claimSql = `/*hot:claim_jobs*/ with recursive
waiting as (
  (select coalesce(group_id, '') as workspace, start_after from ${jobs}
    where name = $1 and state < 'active' and not blocked order by coalesce(group_id, ''), start_after limit 1)
  union all
  select n.workspace, n.start_after from waiting w cross join lateral (
    select coalesce(group_id, '') as workspace, start_after from ${jobs}
    where name = $1 and state < 'active' and not blocked and coalesce(group_id, '') > w.workspace
    order by coalesce(group_id, ''), start_after limit 1) n),
due as materialized (
  select workspace, $3::int - coalesce(($4::jsonb ->> workspace)::int, 0) as room from waiting where start_after <= now()),
fair as materialized (
  select workspace, least(room, greatest(1, ceil($2::numeric / count(*) over ())))::int as share from due where room > 0),
picked as (
  select j.id, row_number() over (partition by f.workspace order by j.start_after) as turn from fair f cross join lateral (
    select id, start_after from ${jobs}
    where name = $1 and state < 'active' and not blocked and coalesce(group_id, '') = f.workspace and start_after <= now()
    order by start_after limit f.share for no key update skip locked) j)
update ${jobs} set state = 'active', started_on = now(), heartbeat_on = now(),
  retry_count = case when started_on is null then retry_count else retry_count + 1 end,
  group_id = coalesce(group_id, data->'by'->>'workspaceId', '')
where name = $1 and id = any (array(select id from picked order by turn limit $2::int))
returning id, data, retry_count as attempt, group_id as workspace`

/** Of the attempts $1 names, $2 ids, $3 numbers: a sign of life; it gives those that are not held any more, as `id:attempt`. */
export const beatSql = `/*hot:beat_jobs*/ with mine as materialized (
  select * from unnest($1::text[], $2::uuid[], $3::int[]) as m(name, id, attempt)),
locked as materialized (
  select j.name, j.id from mine m join ${jobs} j on j.name = m.name and j.id = m.id and j.state = 'active' and j.retry_count = m.attempt
  for no key update of j skip locked),
beaten as (update ${jobs} j set heartbeat_on = now() from locked l where j.name = l.name and j.id = l.id)
select m.id || ':' || m.attempt as pair from mine m left join ${jobs} j on j.name = m.name and j.id = m.id
where j.state is distinct from 'active' or j.retry_count is distinct from m.attempt`

/** Jobs of the queues $1 whose worker has given no sign of life for $2 seconds go to another, at most $3 times, once no transaction of theirs is open; what that run was, is not counted. */
export const takeBackSql = `/*hot:take_back_jobs*/ with lost as materialized (
  select name, id from ${jobs} where name = any ($1::text[]) and state = 'active' and heartbeat_on < now() - $2 * interval '1 second'
  and coalesce((data->>'lost')::int, 0) < $3::int limit 1000 for update skip locked)
update ${jobs} j set state = 'retry', start_after = now(), heartbeat_on = null, data = data || jsonb_build_object(
  'lost', coalesce((data->>'lost')::int, 0) + 1, 'uncounted', coalesce((data->>'uncounted')::int, 0) + 1)
from lost l where j.name = l.name and j.id = l.id returning j.name`

/** Those that have outlived too many workers. */
export const killersSql = `select name, id, retry_count as attempt from ${jobs}
where name = any ($1::text[]) and state = 'active' and heartbeat_on < now() - $2 * interval '1 second'
and coalesce((data->>'lost')::int, 0) >= $3::int limit 100`

/** $1 queue, $2 ids, $3 `id:attempt`. */
export const doneSql = `/*hot:done_jobs*/ delete from ${jobs}
where name = $1 and id = any ($2::uuid[]) and state = 'active' and (id::text || ':' || retry_count::text) = any ($3::text[])`

/** Try again after $4 seconds. */
export const retrySql = `${locked} update ${jobs} j
set state = 'retry', start_after = now() + $4::float8 * interval '1 second', heartbeat_on = null ${ofMine}`

/** What was claimed and not begun: as if it had not been. Parameters as for `doneSql`. */
export const unclaimSql = `update ${jobs} set state = 'retry', started_on = null, heartbeat_on = null
where name = $1 and id = any ($2::uuid[]) and state = 'active' and (id::text || ':' || retry_count::text) = any ($3::text[])`

/** What was begun and is to be begun anew elsewhere, at once and without counting. */
export const releaseSql = `${locked} update ${jobs} j set state = 'retry', start_after = now(), heartbeat_on = null,
  data = data || jsonb_build_object('uncounted', coalesce((data->>'uncounted')::int, 0) + 1) ${ofMine}`

/** It leaves the queue for good. */
export const removeSql = `delete from ${jobs} where ${held} returning id, name, data, retry_count as attempt, created_on as "enqueuedAt"`

/** The attempt is held, and stays so to the end of this transaction. */
export const holdSql = `/*hot:hold_job*/ select 1 from ${jobs} where ${held} for key share`

export const figuresSql = `select name as queue, count(*) filter (where state < 'active' and start_after <= now())::int as waiting,
count(*) filter (where state < 'active' and start_after > now())::int as deferred,
count(*) filter (where state = 'retry')::int as retrying, count(*) filter (where state = 'active')::int as active,
coalesce(extract(epoch from now() - min(start_after) filter (where state < 'active' and start_after <= now())), 0)::float8 as "oldestSeconds"
from ${jobs} where name = any ($1::text[]) and state in ('created', 'retry', 'active') group by name`

/** The schedule $1 moves from $2 to $3 and leaves a job ($4 id, $5 data, $6 workspace), unless another process has moved it already, or one waits still. */
export const fireSql = `with moved as (update job_schedule set due_at = $3 where name = $1 and due_at = $2::timestamptz returning name)
insert into ${jobs} (id, name, data, group_id, start_after, singleton_key, upsert_by_key)
select $4::uuid, name, $5::jsonb, $6::text, now(), 'schedule', true from moved
on conflict (name, singleton_key) where state = 'created' and upsert_by_key do nothing`
