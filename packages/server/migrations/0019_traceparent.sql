-- The trace (W3C Trace Context) that a change was part of: those who are told of it outside go on in it.
alter table outbox add column traceparent text;
