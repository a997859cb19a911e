-- Sketches stay in their row as far as a page has room: a screen reads hundreds of rows, and each sketch that was stored
-- elsewhere was a lookup of its own. Rows that are there move when they are next written.
alter table usage_rollup set (toast_tuple_target = 8160);
