-- A recount of outcomes goes test by test and, within a test, in slices of units, each in a transaction of its own. Null: none
-- is under way, or it begins. `recount_unit`: all units of the test before this one are counted anew; null: the whole test is.
alter table ab_fold add column recount_to xid8, add column recount_workspace uuid, add column recount_test uuid, add column recount_unit bytea;
