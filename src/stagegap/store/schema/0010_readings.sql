-- What people say of whole records: pass or fail, the first wrong stage, why; and codes with a meaning that all share.
create table reading (
    seq ubigint not null, id varchar not null, cascade usmallint not null, record uinteger not null,
    annotator usmallint not null, run varchar not null, action varchar not null, verdict varchar not null,
    stage varchar not null, note varchar not null, queue varchar not null, active_ms uinteger,
    made_at double not null, verified boolean not null);
alter table tag_event add column definition varchar default '';
alter table tag_event add column example varchar default '';
alter table tag_event add column severity varchar default '';
alter table tag_event add column cost varchar default '';
alter table tag_event alter column stage drop not null;
