"""People's own reasons for failures: events that are only ever added."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stagegap.model.notes import TagEvent
from stagegap.store import events
from stagegap.store import rows as json_text
from stagegap.store.attach import Session
from stagegap.store.journal import Journal, Op

_SHAPE = """{"cascade":"VARCHAR","id":"VARCHAR","stage":"VARCHAR","record":"VARCHAR","annotator":"VARCHAR",
"action":"VARCHAR","tag":"VARCHAR","into":"VARCHAR","at":"DOUBLE","run":"VARCHAR","verified":"BOOLEAN"}"""
_FIELDS = ("id", "stage", "record", "annotator", "action", "tag", "into", "at", "run", "verified")


def pack(cascade: str, event: TagEvent) -> tuple[str, bytes]:
    """The operation (id, body). Raises: ValueError for an empty id or tag, or a time that is no number."""
    if not event.id or not event.tag:
        raise ValueError("an event of a tag needs an id and the tag")
    if not math.isfinite(event.at):
        raise ValueError(f"{event.at} is no time that can be stored")
    fields = {"cascade": cascade, **{name: getattr(event, name) for name in _FIELDS}}
    return json_text.plain(event.id), json_text.write(fields)


def apply(session: Session, ops: Sequence[Op]) -> None:
    """Write operations into the table, inside the caller's transaction."""
    events.arrive(session, ops, shape=_SHAPE, table="tag_event")
    session.run(
        events.NAMES
        + """
        insert into stage select (select coalesce(max(id), 0) from stage) + row_number() over (order by seq), id, name
        from (select c.id, a.stage as name, min(a.seq) as seq from arrived a join cascade c on c.name = a.cascade
              group by all) n
        where not exists (from stage s where s.cascade = n.id and s.name = n.name);
        insert into tag_event
        select a.seq, a.id, c.id, s.id, r.id, p.id, a.action, a.tag, a."into", a."at", a.run, a.verified
        from arrived a join cascade c on c.name = a.cascade join stage s on s.cascade = c.id and s.name = a.stage
            join annotator p on p.name = a.annotator left join record r on r.cascade = c.id and r.name = a.record
        order by a.seq"""
    )


_TABLE = events.EventTable(
    kind="tag",
    name="tag_event",
    fields=_FIELDS,
    row="""e.id, s.name, coalesce(r.name, ''), p.name, e.action, e.tag, e.other, e.made_at, e.run, e.verified
    from tag_event e join cascade c on c.id = e.cascade join stage s on s.id = e.stage
    join annotator p on p.id = e.annotator left join record r on r.id = e.record""",
    event=TagEvent,
    pack=pack,
)
copies = _TABLE.copies


def find(session: Session, journal: Journal, cascade: str, *, stage: str, annotator: str) -> list[TagEvent]:
    """Every event of a person's tags at a stage, in order, the undrained ones included."""
    return _TABLE.find(
        session,
        journal,
        {"cascade": ("c.name", cascade), "stage": ("s.name", stage), "annotator": ("p.name", annotator)},
    )
