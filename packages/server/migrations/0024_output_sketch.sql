-- What drift in use compares beside latency, tokens and cost: the distributions of output length and of ratings. Rows that
-- are there, and those of an instance that does not know of it yet, have an empty sketch.
alter table usage_rollup add column output_sketch bytea not null default '', add column score_sketch bytea not null default '';

-- Days before this one are to be counted again, the newest first, each in a pass of its own; null: none. So the sketches of
-- what was counted before come by themselves, as far as raw rows are kept, while the service goes on.
alter table usage_fold add column recount_before date default 'infinity';
alter table usage_fold alter column recount_before drop default;
