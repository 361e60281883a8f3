"""Labels: one operation each, which stays in the journal for ever; readers see the undrained tail at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

from stagegap.model.answer import Answer, Fact, Label
from stagegap.model.values import Json
from stagegap.store import text
from stagegap.store.attach import Session
from stagegap.store.journal import Journal, Op

_SHAPE = """[{"cascade":"VARCHAR","id":"VARCHAR","record":"VARCHAR","stage":"VARCHAR","annotator":"VARCHAR",
"action":"VARCHAR","at":"DOUBLE","value":"VARCHAR","facts":"VARCHAR","active_ms":"UINTEGER","unsure":"BOOLEAN",
"odd":"BOOLEAN","note":"VARCHAR","guideline":"VARCHAR","form":"VARCHAR","seen":"VARCHAR","queue":"VARCHAR",
"probability":"DOUBLE","verified":"BOOLEAN","targeted":"BOOLEAN","run":"VARCHAR","also":"VARCHAR",
"reason":"VARCHAR","cites":"VARCHAR"}]"""


def pack(cascade: str, label: Label) -> tuple[str, bytes]:
    """Give the operation (id, body). Raises: ValueError for NaN or an infinity, and for an empty id."""
    if not label.id:
        raise ValueError("a label needs an id: the same id twice is one label")
    for number in (label.at, label.probability):
        if number is not None and not math.isfinite(number):
            raise ValueError(f"{number} is no number that can be stored with a label")
    answer = label.answer
    for one in (*([answer] if answer else []), *label.also):
        text.refuse_odd_numbers(one.value)
    fields: dict[str, Json] = {
        "cascade": cascade,
        "id": label.id,
        "record": label.record,
        "stage": label.stage,
        "annotator": label.annotator,
        "action": label.action,
        "at": label.at,
        "value": None if answer is None else text.write(answer.value).decode(),
        "facts": text.write([f.wordings for f in answer.facts]).decode() if answer and answer.facts else None,
        "active_ms": label.active_ms,
        "unsure": label.unsure,
        "odd": label.odd,
        "note": label.note,
        "guideline": label.guideline,
        "form": label.form,
        "seen": label.seen,
        "queue": label.queue,
        "probability": label.probability,
        "verified": label.verified,
        "targeted": label.targeted,
        "run": label.run,
        "also": _answers(label.also),
        "reason": label.reason,
        "cites": label.cites,
    }
    return text.plain(label.id), text.write(fields)


def _answers(answers: Sequence[Answer]) -> str | None:
    rows: list[Json] = [[answer.value, [list(fact.wordings) for fact in answer.facts]] for answer in answers]
    return text.write(rows).decode() if rows else None


def apply(session: Session, ops: Sequence[Op]) -> None:
    """Write label operations into the tables, inside the caller's transaction."""
    session.run(
        f"""create or replace temp table arrived as
        select o.* from (select seq, unnest(p) from (select unnest(?::ubigint[]) as seq,
            unnest(from_json_strict(?::varchar, '{_SHAPE}')) as p)) o
        where o.id not in (select id from label)""",
        [op.seq for op in ops],
        (b"[" + b",".join(op.body for op in ops) + b"]").decode(),
    )
    session.run("""
        insert into cascade select (select coalesce(max(id), 0) from cascade) + row_number() over (order by seq), name
        from (select cascade as name, min(seq) as seq from arrived group by 1)
        where name not in (select name from cascade);
        insert into annotator
        select (select coalesce(max(id), 0) from annotator) + row_number() over (order by seq), name
        from (select annotator as name, min(seq) as seq from arrived group by 1)
        where name not in (select name from annotator);
        insert into stage select (select coalesce(max(id), 0) from stage) + row_number() over (order by seq), id, name
        from (select c.id, a.stage as name, min(a.seq) as seq from arrived a join cascade c on c.name = a.cascade
              group by all) n
        where not exists (from stage s where s.cascade = n.id and s.name = n.name);
        insert into record select (select coalesce(max(id), 0) from record) + row_number() over (order by seq), id, name
        from (select c.id, a.record as name, min(a.seq) as seq from arrived a join cascade c on c.name = a.cascade
              group by all) n
        where not exists (from record r where r.cascade = n.id and r.name = n.name);
        insert into label
        select a.seq, a.id, c.id, s.id, r.id, p.id, a.action, a."at", a.value, a.facts, a.active_ms, a.unsure, a.odd,
            a.note, a.guideline, a.form, a.seen, a.queue, a.probability, a.verified, a.targeted, a.run, a.also,
            a.reason, a.cites
        from arrived a
            left join cascade c on c.name = a.cascade
            left join stage s on s.cascade = c.id and s.name = a.stage
            left join record r on r.cascade = c.id and r.name = a.record
            left join annotator p on p.name = a.annotator
        order by a.seq
    """)


_ROW = """
    l.id, r.name, s.name, p.name, l.action, l.made_at, l.value, l.facts, l.active_ms, l.unsure, l.odd, l.note,
    l.guideline, l.form, l.seen, l.queue, l.probability, l.verified, l.targeted, l.run, l.also, l.reason, l.cites
"""
_COLUMNS = 23
_JOINS = """
    join stage s on s.id = l.stage join record r on r.id = l.record join annotator p on p.id = l.annotator
"""


def find(
    session: Session,
    journal: Journal,
    cascade: str,
    *,
    stage: str | None = None,
    annotator: str | None = None,
    queue: str | None = None,
    record: str | None = None,
) -> list[Label]:
    """Give every label ever made there, in order, the undrained ones included."""
    filters = {"s.name": stage, "p.name": annotator, "l.queue": queue, "r.name": record}
    chosen = {column: text.plain(value) for column, value in filters.items() if value is not None}
    condition = "".join(f" and {column} = ?" for column in chosen)
    rows = session.rows(
        f"select l.seq, {_ROW} from label l {_JOINS}"
        f" where l.cascade = (select id from cascade where name = ?){condition} order by l.seq",
        text.plain(cascade),
        *chosen.values(),
    )
    found = [(row[0], _label(row[1:])) for row in rows]
    wanted = (stage, annotator, queue, record)
    late = [
        (seq, label)
        for seq, owner, label in tail(session, journal)
        if owner == text.plain(cascade)
        and all(
            want is None or text.plain(want) == have
            for want, have in zip(wanted, (label.stage, label.annotator, label.queue, label.record), strict=True)
        )
    ]
    return [label for _, label in sorted([*found, *late], key=lambda pair: pair[0])] if late else [x for _, x in found]


def count(session: Session, journal: Journal, cascade: str) -> int:
    """Count every label ever made there, the undrained ones included."""
    stored = session.rows(
        "select count(*) from label where cascade = (select id from cascade where name = ?)", text.plain(cascade)
    )[0][0]
    return stored + sum(owner == text.plain(cascade) for _, owner, _ in tail(session, journal))


def copies(session: Session) -> list[tuple[str, bytes]]:
    """Give every label of the file as an operation for a journal that does not have it."""
    rows = session.rows(
        f"select c.name, {_ROW} from label l {_JOINS} join cascade c on c.id = l.cascade order by l.seq"
    )
    return [pack(row[0], _label(row[1:])) for row in rows]


def tail(session: Session, journal: Journal) -> list[tuple[int, str, Label]]:
    """Give (seq, cascade, label) of what the journal holds and the file does not; damaged ones are left to `check`."""
    ops = [op for op in journal.labels(applied(session)) if op.is_whole]
    if not ops:
        return []
    ids = [op.id for op in ops]
    there = {row[0] for row in session.rows("select id from label where id in (select unnest(?::varchar[]))", ids)}
    fresh = [(op.seq, cast("dict[str, Any]", text.read(op.body))) for op in ops if op.id not in there]
    return [(seq, fields.pop("cascade"), _label(tuple(fields.values()))) for seq, fields in fresh]


def applied(session: Session) -> int:
    """Give the watermark: operations of the journal up to this one are in the file."""
    rows = session.rows("select max(v::ubigint) from meta where k = 'applied'")
    return rows[0][0] or 0


def _label(row: Sequence[Any]) -> Label:
    """Make the label from its columns, which stand in the same order in a row and in an operation's body.

    An operation that an older program wrote ends earlier.
    """
    padded: Sequence[Any] = [*row, *[None] * (_COLUMNS - len(row))]
    (key, record, stage, annotator, action, at, value, facts, active_ms, unsure, odd, note, guideline,
     form, seen, queue, probability, verified, targeted, run, also, reason, cites) = padded  # fmt: skip
    answer = None
    if value is not None:
        wordings = cast("list[list[str]]", text.read(facts)) if facts else []
        answer = Answer(value=text.read(value), facts=tuple(Fact(tuple(w)) for w in wordings))
    return Label(
        id=key,
        record=record,
        stage=stage,
        annotator=annotator,
        answer=answer,
        action=action,
        at=at,
        active_ms=active_ms,
        unsure=unsure,
        odd=odd,
        note=note,
        guideline=guideline,
        form=form,
        seen=seen,
        queue=queue,
        probability=probability,
        verified=verified,
        targeted=bool(targeted),
        run=run or "",
        also=tuple(
            Answer(value=value, facts=tuple(Fact(tuple(wordings)) for wordings in facts))
            for value, facts in cast("list[tuple[Json, list[list[str]]]]", text.read(also) if also else [])
        ),
        reason=reason or "",
        cites=cites or "",
    )
