"""What people say of whole records: events that are only ever added."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stagegap.model.notes import Reading
from stagegap.store import events
from stagegap.store import rows as json_text
from stagegap.store.attach import Session
from stagegap.store.journal import Journal, Op

_SHAPE = """{"cascade":"VARCHAR","id":"VARCHAR","record":"VARCHAR","annotator":"VARCHAR","run":"VARCHAR",
"action":"VARCHAR","verdict":"VARCHAR","stage":"VARCHAR","note":"VARCHAR","queue":"VARCHAR","active_ms":"UINTEGER",
"at":"DOUBLE","verified":"BOOLEAN"}"""
_FIELDS = (
    "id", "record", "annotator", "run", "action", "verdict", "stage", "note", "queue", "active_ms", "at", "verified",
)  # fmt: skip


def pack(cascade: str, event: Reading) -> tuple[str, bytes]:
    """The operation (id, body). Raises: ValueError for an empty id, record or run, or a time that is no number."""
    if not event.id or not event.record or not event.run:
        raise ValueError("a reading needs an id, the record and the run")
    if not math.isfinite(event.at):
        raise ValueError(f"{event.at} is no time that can be stored")
    fields = {"cascade": cascade, **{name: getattr(event, name) for name in _FIELDS}}
    return json_text.plain(event.id), json_text.write(fields)


def apply(session: Session, ops: Sequence[Op]) -> None:
    """Write operations into the table, inside the caller's transaction."""
    events.arrive(session, ops, shape=_SHAPE, table="reading")
    session.run(
        events.NAMES
        + """
        insert into reading
        select a.seq, a.id, c.id, r.id, p.id, a.run, a.action, a.verdict, a.stage, a.note, a.queue, a.active_ms,
            a."at", a.verified
        from arrived a join cascade c on c.name = a.cascade join annotator p on p.name = a.annotator
            join record r on r.cascade = c.id and r.name = a.record
        order by a.seq"""
    )


_TABLE = events.EventTable(
    kind="reading",
    name="reading",
    fields=_FIELDS,
    row="""e.id, r.name, p.name, e.run, e.action, e.verdict, e.stage, e.note, e.queue, e.active_ms, e.made_at,
        e.verified
    from reading e join cascade c on c.id = e.cascade join annotator p on p.id = e.annotator
        join record r on r.id = e.record""",
    event=Reading,
    pack=pack,
)
copies = _TABLE.copies


def find(session: Session, journal: Journal, cascade: str, run: str | None) -> list[Reading]:
    """Every event of a cascade, or of one of its runs, in order, the undrained ones included."""
    of_run = {} if run is None else {"run": ("e.run", run)}
    return _TABLE.find(session, journal, {"cascade": ("c.name", cascade), **of_run})
