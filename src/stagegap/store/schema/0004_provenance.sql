-- What a run was made from, so that it can be made again; names that people give to runs; what they expect of the next.
create table provenance (run usmallint not null, body varchar not null);
-- texts of prompts, functions and small corpora, each kept once
create table source_text (digest varchar not null, body varchar not null);
-- the records of a cascade's files as they were, each set kept once; version as in record_version
create table record_set (
    digest uuid not null, place uinteger not null, record uinteger not null, version uinteger not null);
-- events: the newest of a run and a tag counts
create table run_tag (
    run usmallint not null, tag varchar not null, who varchar not null, made_at double not null, is_on boolean not null);
create table expectation (
    id varchar not null, cascade usmallint not null, place varchar not null,
    predicted double not null check (isfinite(predicted)), low double, high double,
    reason varchar not null, who varchar not null, made_at double not null, baseline varchar not null);
