-- `tokens` of a user are input and output together; how many of them are output is told beside. Rows that are there, and
-- those of an instance that does not know of it yet, say 0: their days are counted again, as far as raw rows are kept.
alter table usage_user add column output_tokens bigint not null default 0;
alter table usage_fold alter column recount_before type date using 'infinity'::date;
