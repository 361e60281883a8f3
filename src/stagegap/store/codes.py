"""The codebook, and codes that people put on records: events that are only ever added."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from stagegap.model.notes import CodeEvent
from stagegap.store import events
from stagegap.store import rows as json_text
from stagegap.store.attach import Session
from stagegap.store.journal import Journal, Op

_SHAPE = """{"cascade":"VARCHAR","id":"VARCHAR","stage":"VARCHAR","record":"VARCHAR","annotator":"VARCHAR",
"action":"VARCHAR","tag":"VARCHAR","into":"VARCHAR","at":"DOUBLE","run":"VARCHAR","verified":"BOOLEAN",
"definition":"VARCHAR","example":"VARCHAR","severity":"VARCHAR","cost":"VARCHAR"}"""
_MEANING = ("definition", "example", "severity", "cost")
_FIELDS = ("id", "stage", "record", "annotator", "action", "tag", "into", "at", "run", "verified", *_MEANING)
_SINCE_THEN: dict[str, str] = dict.fromkeys(_MEANING, "")
"""Of the first version on, events had no meaning with them: a code was a name."""


def pack(cascade: str, event: CodeEvent) -> tuple[str, bytes]:
    """The operation (id, body). Raises: ValueError for an empty id or code, or a time that is no number."""
    if not event.id or not event.tag:
        raise ValueError("an event of a code needs an id and the code")
    if not math.isfinite(event.at):
        raise ValueError(f"{event.at} is no time that can be stored")
    fields = {"cascade": cascade, **{name: getattr(event, name) for name in _FIELDS}}
    return json_text.plain(event.id), json_text.write(fields)


def apply(session: Session, ops: Sequence[Op]) -> None:
    """Write operations into the table, inside the caller's transaction."""
    events.arrive(session, [_whole(op) for op in ops], shape=_SHAPE, table="tag_event")
    session.run(
        events.NAMES
        + """
        insert into stage select (select coalesce(max(id), 0) from stage) + row_number() over (order by seq), id, name
        from (select c.id, a.stage as name, min(a.seq) as seq from arrived a join cascade c on c.name = a.cascade
              where a.stage <> '' group by all) n
        where not exists (from stage s where s.cascade = n.id and s.name = n.name);
        insert into tag_event
        select a.seq, a.id, c.id, s.id, r.id, p.id, a.action, a.tag, a."into", a."at", a.run, a.verified,
            a.definition, a.example, a.severity, a.cost
        from arrived a join cascade c on c.name = a.cascade
            join annotator p on p.name = a.annotator left join stage s on s.cascade = c.id and s.name = a.stage
            left join record r on r.cascade = c.id and r.name = a.record
        order by a.seq"""
    )


def _whole(op: Op) -> Op:
    """The operation with every field of today; one that an earlier version wrote lacks some."""
    # JSON of the journal: `pack` wrote it
    fields = cast("dict[str, Any]", json_text.read(op.body))
    return op if fields.keys() >= _SINCE_THEN.keys() else replace(op, body=json_text.write({**_SINCE_THEN, **fields}))


_TABLE = events.EventTable(
    kind="tag",
    name="tag_event",
    fields=_FIELDS,
    row="""e.id, coalesce(s.name, ''), coalesce(r.name, ''), p.name, e.action, e.tag, e.other, e.made_at, e.run,
        e.verified, e.definition, e.example, e.severity, e.cost
    from tag_event e join cascade c on c.id = e.cascade join annotator p on p.id = e.annotator
        left join stage s on s.id = e.stage left join record r on r.id = e.record""",
    event=CodeEvent,
    pack=pack,
    since_then=_SINCE_THEN,
)
copies = _TABLE.copies


def find(session: Session, journal: Journal, cascade: str) -> list[CodeEvent]:
    """Every event of a cascade's codes, in order, the undrained ones included."""
    return _TABLE.find(session, journal, {"cascade": ("c.name", cascade)})
