-- Transactions are numbered by their server. In a database that was dumped and brought into another one, rows carry numbers
-- that this server may not have reached, and what is written here would pass for counted: it is older than the horizon.
-- Such rows get numbers of this server, before anything is written: those that are counted stay so, the others follow.
-- Returns whether there were any. Called at each start, as ps_system.
create function renumber_transactions() returns boolean language plpgsql as $$
declare present constant xid8 := pg_current_xact_id();
begin
  perform from usage_fold, ab_fold for update; -- one process does it, and none counts
  -- One statement, so one snapshot: whatever else it sees was written by transactions that had ended, which is before its end.
  if not exists (
    select from pg_snapshot_xmax(pg_current_snapshot()) unknown
    where exists (select from usage_fold where horizon > unknown) or exists (select from ab_fold where horizon > unknown)
      or exists (select from usage_event where xid >= unknown) or exists (select from search_vector where xid >= unknown)
      or exists (select from ab_exposure where xid >= unknown) or exists (select from ab_outcome where xid >= unknown))
  then return false; end if;

  update usage_event set xid = case when xid < f.horizon then '1' else present end
    from usage_fold f where xid >= least(f.horizon, present);
  update ab_exposure set xid = case when xid < f.horizon then '1' else present end
    from ab_fold f where xid >= least(f.horizon, present);
  update ab_outcome set xid = case when xid < f.horizon then '1' else present end
    from ab_fold f where xid >= least(f.horizon, present);
  update usage_fold set horizon = present where horizon <> '0';
  update ab_fold set horizon = present where horizon <> '0';
  update ab_fold set recount_to = horizon where recount_to is not null;
  update search_vector set xid = '1' where xid >= present; -- readers begin with all that is there
  return true;
end $$;
