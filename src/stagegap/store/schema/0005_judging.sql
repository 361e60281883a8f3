-- Judging answers: what a label is about, and who gave which answer of an item, which no browser gets.
alter table label add column task varchar;
alter table queue_item add column sealed varchar;
