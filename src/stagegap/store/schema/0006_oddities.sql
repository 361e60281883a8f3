-- What people said of things that look strange: not odd (with the reason), shown again, flagged. Kept for ever.
create table oddity_event (
    seq ubigint not null, id varchar not null, cascade usmallint not null, annotator usmallint not null,
    action varchar not null, card varchar not null, reason varchar not null, bound double, run varchar not null,
    made_at double not null, verified boolean not null);
