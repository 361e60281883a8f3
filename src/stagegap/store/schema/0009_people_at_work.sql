-- Who has stopped or come back, and who was asked to answer which queue until when: kept for ever, like labels.
create table person_event (
    seq ubigint not null, id varchar not null, cascade usmallint not null, annotator usmallint not null,
    action varchar not null, queue varchar not null, due varchar not null, made_by varchar not null,
    made_at double not null, verified boolean not null);
