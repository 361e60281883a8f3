-- What people did while they read failures: kept for ever, like labels.
create table tag_event (
    seq ubigint not null, id varchar not null, cascade usmallint not null, stage usmallint not null,
    record uinteger, annotator usmallint not null, action varchar not null, tag varchar not null,
    other varchar not null, made_at double not null, run varchar not null, verified boolean not null);
create table seen (
    seq ubigint not null, id varchar not null, cascade usmallint not null, record uinteger not null,
    annotator usmallint not null, made_at double not null, run varchar not null);

-- derived: the records at which a stage is not acceptable, in the order in which they are read
create table failure (
    run usmallint not null, stage usmallint not null, place uinteger not null, record uinteger not null,
    title varchar not null, score double not null, first_fault boolean not null, inherits boolean not null,
    disagreed boolean not null, groups varchar[] not null, win double, unit varchar not null);
