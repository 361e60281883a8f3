-- Views by what they rest on; run_view keeps facts of a run alone. What an older program kept is shown as old.
create table kept_view (
    cascade usmallint not null, run usmallint, name varchar not null, rests_on varchar not null,
    labels ubigint not null, body varchar not null);
insert into kept_view
select r.cascade, v.run, v.name, '', v.labels_seq, v.body from run_view v join run r on r.id = v.run
where v.name in ('scorecard', 'need', 'oddities', 'person swaps') or v.name like 'changed since %';
insert into kept_view
select r.cascade, v.run, 'outcome', '', v.labels_seq, json_extract(v.body, '$.system')::varchar
from run_view v join run r on r.id = v.run
where v.name = 'scorecard' and json_extract(v.body, '$.system') is not null;
delete from run_view where name not in ('options', 'basis', 'trials');
-- The cell that a batch of outputs is of; null in batches of older programs.
alter table batch_applied add column cell usmallint;
