"""What people said of cards of the screen: events that are only ever added."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stagegap.model.notes import OddityEvent
from stagegap.store import events
from stagegap.store import rows as json_text
from stagegap.store.attach import Session
from stagegap.store.journal import Journal, Op

_SHAPE = """{"cascade":"VARCHAR","record":"VARCHAR","id":"VARCHAR","card":"VARCHAR","annotator":"VARCHAR",
"action":"VARCHAR","reason":"VARCHAR","bound":"DOUBLE","run":"VARCHAR","at":"DOUBLE","verified":"BOOLEAN"}"""
_FIELDS = ("id", "card", "annotator", "action", "reason", "bound", "run", "at", "verified")


def pack(cascade: str, event: OddityEvent) -> tuple[str, bytes]:
    """The operation (id, body).

    Raises: ValueError for an empty id or card, a dismissal without a reason, or a number that cannot be stored.
    """
    if not event.id or not event.card:
        raise ValueError("an event of a card needs an id and the card")
    if event.action == "dismiss" and not event.reason.strip():
        raise ValueError("a card is dismissed with a reason")
    if not math.isfinite(event.at) or not math.isfinite(event.bound or 0.0):
        raise ValueError(f"{event.at} and {event.bound} are no numbers that can be stored")
    fields = {"cascade": cascade, "record": "", **{name: getattr(event, name) for name in _FIELDS}}
    return json_text.plain(event.id), json_text.write(fields)


def apply(session: Session, ops: Sequence[Op]) -> None:
    """Write operations into the table, inside the caller's transaction."""
    events.arrive(session, ops, shape=_SHAPE, table="oddity_event")
    session.run(
        events.NAMES
        + """
        insert into oddity_event
        select a.seq, a.id, c.id, p.id, a.action, a.card, a.reason, a.bound, a.run, a."at", a.verified
        from arrived a join cascade c on c.name = a.cascade join annotator p on p.name = a.annotator
        order by a.seq"""
    )


_TABLE = events.EventTable(
    kind="oddity",
    name="oddity_event",
    fields=_FIELDS,
    row="""e.id, e.card, p.name, e.action, e.reason, e.bound, e.run, e.made_at, e.verified
    from oddity_event e join cascade c on c.id = e.cascade join annotator p on p.id = e.annotator""",
    event=OddityEvent,
    pack=pack,
)
copies = _TABLE.copies


def find(session: Session, journal: Journal, cascade: str) -> list[OddityEvent]:
    """Every event of a cascade, in order, the undrained ones included."""
    return _TABLE.find(session, journal, {"cascade": ("c.name", cascade)})
