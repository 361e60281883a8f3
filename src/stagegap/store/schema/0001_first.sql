-- Append-only evidence, narrow integer keys, texts apart with dense ids in the order of arrival.
-- No foreign keys and no unique indexes: there is one writer at a time, and `doctor` checks.
create type status as enum ('ok', 'repaired', 'unparsable', 'refused', 'infrastructure', 'skipped', 'blocked');
create type value_form as enum ('none', 'short', 'text', 'number', 'integer', 'boolean', 'json');

create table meta (k varchar not null, v varchar not null);
create table schema_migration (
    version integer not null, name varchar not null, checksum varchar not null, app_version varchar not null,
    applied_at timestamp not null default current_timestamp);

-- names, each once; all other tables hold their ids
create table cascade (id usmallint not null, name varchar not null);
create table stage (id usmallint not null, cascade usmallint not null, name varchar not null);
create table cell (id usmallint not null, name varchar not null);
create table metric (id usmallint not null, name varchar not null);
create table annotator (id usmallint not null, name varchar not null);
create table record (id uinteger not null, cascade usmallint not null, name varchar not null);

-- content of a record; a changed record is a further version, the highest counts
create table record_version (
    record uinteger not null, version uinteger not null, position uinteger not null,
    cluster varchar not null, split varchar, difficulty varchar, slices varchar not null, fields varchar not null,
    digest uuid not null);

create table run (
    id usmallint not null, key uuid not null, cascade usmallint not null, name varchar not null,
    fingerprint varchar not null, resolved varchar not null, status varchar not null,
    started_at double not null, finished_at double, records uinteger not null,
    who varchar not null, git_commit varchar not null, seed bigint not null, error varchar not null);

create table blob (id uinteger not null, key uhugeint not null, body varchar not null);

-- seq: operation of the journal; of several rows for one (record, repeat) the highest seq counts
create table output (
    run usmallint not null, cell usmallint not null, stage usmallint not null, record uinteger not null,
    repeat usmallint not null, seq ubigint not null, status status not null, form value_form not null,
    short varchar, number double check (number is null or isfinite(number)), body uinteger,
    confidence double check (confidence is null or isfinite(confidence)),
    because status, error varchar, raw uinteger, extra varchar,
    latency_ms double, tokens_in uinteger, tokens_out uinteger, cost double,
    call_key uuid, cached boolean not null);
create table batch_applied (
    op_id uuid not null, seq ubigint not null, run usmallint not null, n uinteger not null,
    applied_at timestamp not null default current_timestamp);

create table label (
    seq ubigint not null, id varchar not null, cascade usmallint not null, stage usmallint not null,
    record uinteger not null, annotator usmallint not null, action varchar not null, made_at double not null,
    value varchar, facts varchar, active_ms uinteger, unsure boolean not null, odd boolean not null,
    note varchar not null, guideline varchar not null, form varchar not null, seen varchar not null,
    queue varchar not null, probability double, verified boolean not null);

create table queue (
    id varchar not null, cascade usmallint not null, stage usmallint not null, purpose varchar not null,
    created_at double not null, form varchar not null, question varchar not null, guideline varchar not null,
    seed bigint not null);
create table queue_item (
    queue varchar not null, position uinteger not null, record uinteger not null, payload varchar not null,
    probability double);

-- derived: may be computed again at any time
create table score (
    run usmallint not null, cell usmallint not null, stage usmallint not null, metric usmallint not null,
    record uinteger not null, value double not null check (isfinite(value)));
create table run_view (run usmallint not null, name varchar not null, labels_seq ubigint not null, body varchar not null);
