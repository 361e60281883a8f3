-- What an adjudication says, how a record came before a person, and the text of every guideline version.
alter table label add column targeted boolean;
alter table label add column run varchar;
alter table label add column also varchar;
alter table label add column reason varchar;
alter table label add column cites varchar;
alter table queue add column run varchar;
alter table queue add column drawn varchar;
alter table queue add column warmup varchar;

create table guideline (
    cascade usmallint not null, stage usmallint not null, hash varchar not null, body varchar not null,
    since double not null);
insert into guideline
select cascade, stage, substr(sha256(guideline), 1, 16), guideline, min(created_at) from queue
where guideline <> '' group by all;
