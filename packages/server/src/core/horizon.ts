import { sql } from 'kysely'

/**
 * The horizon of the database, as an expression of type `xid8`: all that transactions before this one had to write in this
 * database is written, and seen by every later statement. That is the oldest which is still under way here, the present one
 * among them, else the next to begin.
 * `pg_snapshot_xmin` waits for those of the server's other databases too, such as somebody's nightly load, which cannot
 * write here. One that is not known to be elsewhere counts as here, so the horizon may be early, never late; and for the
 * same reason earlier than it was told before: who keeps one takes the greater.
 * Source: https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
 */
export const settledBefore = sql`(
  select least((
    select running from pg_snapshot_xip(seen) running
    where not exists (
      select from pg_stat_activity
      where backend_xid = running::xid and datid <> (select oid from pg_database where datname = current_database()))
    order by running limit 1), pg_current_xact_id_if_assigned(), pg_snapshot_xmax(seen))
  from pg_current_snapshot() seen)`
