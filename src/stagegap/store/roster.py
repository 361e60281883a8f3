"""Who has stopped or come back, and who was asked to answer which queue until when: events that are only ever added."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stagegap.model.notes import PersonEvent
from stagegap.store import events
from stagegap.store import rows as json_text
from stagegap.store.attach import Session
from stagegap.store.journal import Journal, Op

_SHAPE = """{"cascade":"VARCHAR","record":"VARCHAR","id":"VARCHAR","annotator":"VARCHAR","action":"VARCHAR",
"queue":"VARCHAR","due":"VARCHAR","by":"VARCHAR","at":"DOUBLE","verified":"BOOLEAN"}"""
_FIELDS = ("id", "annotator", "action", "queue", "due", "by", "at", "verified")


def pack(cascade: str, event: PersonEvent) -> tuple[str, bytes]:
    """The operation (id, body). Raises: ValueError for an empty id or person, or a time that is no number."""
    if not event.id or not event.annotator:
        raise ValueError("an event of a person needs an id and the person")
    if not math.isfinite(event.at):
        raise ValueError(f"{event.at} is no time that can be stored")
    fields = {"cascade": cascade, "record": "", **{name: getattr(event, name) for name in _FIELDS}}
    return json_text.plain(event.id), json_text.write(fields)


def apply(session: Session, ops: Sequence[Op]) -> None:
    """Write operations into the table, inside the caller's transaction."""
    events.arrive(session, ops, shape=_SHAPE, table="person_event")
    session.run(
        events.NAMES
        + """
        insert into person_event
        select a.seq, a.id, c.id, p.id, a.action, a.queue, a.due, a."by", a."at", a.verified
        from arrived a join cascade c on c.name = a.cascade join annotator p on p.name = a.annotator
        order by a.seq"""
    )


_TABLE = events.EventTable(
    kind="person",
    name="person_event",
    fields=_FIELDS,
    row="""e.id, p.name, e.action, e.queue, e.due, e.made_by, e.made_at, e.verified
    from person_event e join cascade c on c.id = e.cascade join annotator p on p.id = e.annotator""",
    event=PersonEvent,
    pack=pack,
)
copies = _TABLE.copies


def find(session: Session, journal: Journal, cascade: str) -> list[PersonEvent]:
    """Every event of a cascade, in order, the undrained ones included."""
    return _TABLE.find(session, journal, {"cascade": ("c.name", cascade)})
