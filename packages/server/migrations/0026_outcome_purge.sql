-- Single outcomes go when their workspace keeps them no longer; what is counted of them stays. Outcomes of the test before
-- this day (UTC) are gone, so that it is never counted anew; null: all are there. A test has this row once any is counted.
alter table ab_tally add column purged_before date;

-- Rows come about in the order of their time: so the old ones are found, and an insert costs nothing.
create index ab_outcome_by_at on ab_outcome using brin (at);
