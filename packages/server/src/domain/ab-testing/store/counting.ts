import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { isIn, type Slice } from './slices.ts'

/** Clocks differ: so much later than its outcome an exposure may have been. Where the caller names the variant it is sure that it came after. */
const slack = sql`case when t.claimed = '' then interval '10 seconds' else interval '5 minutes' end`

/** Of an outcome: 0 counts for the variant, 1 was before the unit's first exposure, 2 of a unit without one, 3 names a variant that it never had. */
const kind = sql`case when k.exposures = 0 then 2 when not k.fits then 3 when k.variant is null then 1 else 0 end`

/** The rows `x` of one unit. @param of what names it */
const ofUnit = (of: string) =>
  sql.raw(`x.workspace_id = ${of}.workspace_id and x.test_id = ${of}.test_id and x.unit_hash = ${of}.unit_hash`)
/** Rows `x` of transactions before one. Not by the index of these, which the planner prefers to that of units where it takes a table to be empty. */
const known = (before: RawBuilder<unknown>) => sql`(x.xid < ${before}) is true`

const counters = ['units', 'n', 'sum', 'nn', 'ss', 'ns', 'earlier_units', 'x', 'xx', 'nx', 'sx', 'earlier_n', 'earlier_sum']
const added = (table: string, names: readonly string[]) =>
  sql.raw(names.map((name) => `${name} = ${table}.${name} + excluded.${name}`).join(', '))

/**
 * Count outcomes and exposures of transactions from one up to another, itself not counted. An outcome stands for the latest
 * exposure of its unit before it, to the variant that it names if it names one. An exposure that comes to be known later may
 * change that: then what its unit's outcomes were counted for is taken back and counted anew. So the sums depend on what
 * there is, and never on the order in which it came.
 * @param db across workspaces; only one may count at a time
 * @param slice of all units; all of them without it
 */
export async function countOutcomes(db: Db, from: string, upTo: string, slice?: Slice): Promise<void> {
  const [low, high] = [sql`${from}::xid8`, sql`${upTo}::xid8`]
  const span = sql`x.xid >= ${low} and x.xid < ${high}`
  const touched = slice ? sql`${isIn(slice)} and (${span}) is true` : span
  await sql`${slice ? sql`` : sql.raw('/*hot:ab_count*/')}
with fresh as materialized (
  select distinct workspace_id, test_id, unit_hash from ab_exposure x where ${touched}),
touched as materialized (
  select x.*, true as is_new from ab_outcome x where ${touched}
  union all
  select o.*, false from fresh f
  cross join lateral (select * from ab_outcome x where ${ofUnit('f')} and ${known(low)} offset 0) o),
judged as materialized (
  select t.*, s.sign, ${kind} as kind, coalesce(k.variant, k.first_variant) as variant, k.first_variant, s.before
  from touched t
  cross join lateral (select 1 as sign, ${high} as before union all select -1, ${low} where not t.is_new) s
  cross join lateral (
    select count(*) as exposures, bool_or(t.claimed in ('', x.variant)) as fits, (array_agg(x.variant order by x.phase))[1] as first_variant,
      (array_agg(x.variant order by x.phase desc) filter (where t.claimed in ('', x.variant) and x.first_at <= t.at + ${slack}))[1] as variant
    from ab_exposure x where ${ofUnit('t')} and ${known(sql`s.before`)}) k),
told as materialized (
  select j.workspace_id, j.test_id, j.unit_hash, j.variant, j.sign, j.kind, j.at, m.metric, m.value, m.bin, j.variant <> j.first_variant as moved, p.phase
  from judged j
  cross join lateral (values (0, j.success::bigint, null::smallint), (1, j.score, null), (2, j.latency_us, j.latency_bin), (3, j.cost_micros, j.cost_bin),
    (4, j.tokens, j.tokens_bin), (5, j.satisfaction, null)) as m (metric, value, bin)
  cross join lateral (select min(x.phase) as phase from ab_exposure x where ${ofUnit('j')} and x.variant = j.variant and ${known(sql`j.before`)}) p
  where m.value is not null and j.kind in (0, 1)),
changes as materialized (
  select workspace_id, test_id, unit_hash, variant, metric, coalesce(sum(sign) filter (where kind = 0), 0) as n, coalesce(sum(sign * value) filter (where kind = 0), 0) as sum,
    coalesce(sum(sign) filter (where kind = 1), 0) as earlier_n, coalesce(sum(sign * value) filter (where kind = 1), 0) as earlier_sum
  from told group by 1, 2, 3, 4, 5),
due as (
  select workspace_id, test_id, unit_hash, variant, metric, sum(n) as n, sum(sum) as sum, sum(earlier_n) as earlier_n, sum(earlier_sum) as earlier_sum from (
    select * from changes
    union all
    select f.workspace_id, f.test_id, f.unit_hash, u.variant, u.metric, 0, 0, 0, 0 from fresh f
    cross join lateral (select variant, metric from ab_unit x where ${ofUnit('f')} offset 0) u) c
  group by 1, 2, 3, 4, 5),
units as materialized (
  select d.workspace_id, d.test_id, d.unit_hash, d.variant, d.metric, coalesce(u.n, 0) + d.n as n, coalesce(u.sum, 0) + d.sum as sum,
    coalesce(u.earlier_n, 0) + d.earlier_n as earlier_n, coalesce(u.earlier_sum, 0) + d.earlier_sum as earlier_sum, e.phase, e.moved,
    u.n as old_n, u.sum as old_sum, u.earlier_n as old_earlier_n, u.earlier_sum as old_earlier_sum, u.phase as old_phase, u.moved as old_moved
  from due d
  left join lateral (select * from ab_unit x where ${ofUnit('d')} and x.variant = d.variant and x.metric = d.metric offset 0) u on true
  cross join lateral (
    select coalesce(min(x.phase) filter (where x.variant = d.variant), 0) as phase, coalesce((array_agg(x.variant order by x.phase))[1] <> d.variant, false) as moved
    from ab_exposure x where ${ofUnit('d')} and ${known(high)}) e),
effects as (
  select workspace_id, test_id, phase, variant, moved, metric, 1 as sign, n::numeric, sum, case when n > 0 and earlier_n > 0 then round(earlier_sum / earlier_n) end as x from units
  union all
  select workspace_id, test_id, old_phase, variant, old_moved, metric, -1, old_n, old_sum, case when old_n > 0 and old_earlier_n > 0 then round(old_earlier_sum / old_earlier_n) end
  from units where old_n is not null),
kept_units as (
  insert into ab_unit (workspace_id, test_id, unit_hash, variant, metric, phase, moved, n, sum, earlier_n, earlier_sum)
  select workspace_id, test_id, unit_hash, variant, metric, phase, moved, n, sum, earlier_n, earlier_sum from units
  on conflict (workspace_id, test_id, unit_hash, variant, metric) do update set phase = excluded.phase, moved = excluded.moved, n = excluded.n, sum = excluded.sum,
    earlier_n = excluded.earlier_n, earlier_sum = excluded.earlier_sum),
kept_sums as (
  insert into ab_sum (workspace_id, test_id, phase, variant, moved, metric, ${sql.raw(counters.join(', '))})
  select workspace_id, test_id, phase, variant, moved, metric, sum(sign * (n > 0)::int), sum(sign * n), sum(sign * sum), sum(sign * n * n), sum(sign * sum * sum),
    sum(sign * n * sum), sum(sign * (x is not null)::int), coalesce(sum(sign * x), 0), coalesce(sum(sign * x * x), 0), coalesce(sum(sign * n * x), 0),
    coalesce(sum(sign * sum * x), 0), coalesce(sum(sign * n) filter (where x is not null), 0), coalesce(sum(sign * sum) filter (where x is not null), 0)
  from effects group by 1, 2, 3, 4, 5, 6
  on conflict (workspace_id, test_id, phase, variant, moved, metric) do update set ${added('ab_sum', counters)}),
kept_bins as (
  insert into ab_bin (workspace_id, test_id, metric, phase, variant, bin, n)
  select workspace_id, test_id, metric, phase, variant, bin, sum(sign) from told where kind = 0 and bin is not null and not moved group by 1, 2, 3, 4, 5, 6
  on conflict (workspace_id, test_id, metric, phase, variant, bin) do update set ${added('ab_bin', ['n'])}),
kept_series as (
  insert into ab_series (workspace_id, test_id, at, variant, metric, n, sum)
  select workspace_id, test_id, date_trunc('hour', at, 'UTC'), variant, metric, sum(sign), sum(sign * value) from told where kind = 0 group by 1, 2, 3, 4, 5
  on conflict (workspace_id, test_id, at, variant, metric) do update set ${added('ab_series', ['n', 'sum'])}),
kept_exposed as (
  insert into ab_exposed (workspace_id, test_id, phase, variant, units)
  select f.workspace_id, f.test_id, x.phase, x.variant, sum(s.sign) from fresh f
  cross join lateral (values (1, ${high}), (-1, ${low})) as s (sign, before)
  cross join lateral (select x.phase, x.variant from ab_exposure x where ${ofUnit('f')} and ${known(sql`s.before`)} order by x.phase limit 1) x
  group by 1, 2, 3, 4
  on conflict (workspace_id, test_id, phase, variant) do update set ${added('ab_exposed', ['units'])})
insert into ab_tally (workspace_id, test_id, counted, earlier, unexposed, contradicting)
select workspace_id, test_id, sum(sign * (kind = 0)::int), sum(sign * (kind = 1)::int), sum(sign * (kind = 2)::int), sum(sign * (kind = 3)::int) from judged group by 1, 2
on conflict (workspace_id, test_id) do update set ${added('ab_tally', ['counted', 'earlier', 'unexposed', 'contradicting'])}`.execute(db)
}

/** Forget all that is counted of a test. @param db across workspaces */
export async function forgetCounts(db: Db, { workspaceId, testId }: Pick<Slice, 'workspaceId' | 'testId'>): Promise<void> {
  for (const table of ['ab_unit', 'ab_sum', 'ab_bin', 'ab_series', 'ab_exposed', 'ab_tally'])
    await sql`delete from ${sql.table(table)} where workspace_id = ${workspaceId} and test_id = ${testId}`.execute(db)
}

/** Tests some of whose outcomes were purged. @param db across workspaces */
export const sparedTests = async (db: Db): Promise<Pick<Slice, 'workspaceId' | 'testId'>[]> =>
  (await sql<Pick<Slice, 'workspaceId' | 'testId'>>`select workspace_id, test_id from ab_tally where purged_before is not null`.execute(db))
    .rows

/** Whether some outcomes of a test were purged: what is counted of it cannot be counted anew. @param db across workspaces */
export async function isSpared(db: Db, { workspaceId, testId }: Pick<Slice, 'workspaceId' | 'testId'>): Promise<boolean> {
  const { rows } =
    await sql`select 1 from ab_tally where workspace_id = ${workspaceId} and test_id = ${testId} and purged_before is not null`.execute(db)
  return rows.length > 0
}
