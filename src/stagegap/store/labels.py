"""Labels: one operation each, kept in the journal for ever, with every version of the guidelines they were made
by.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, cast

from stagegap import redaction
from stagegap.errors import ConfigurationError
from stagegap.model.answer import LABEL_FIELDS, SAID, Answer, Fact, Field, Label, Task
from stagegap.model.frozen import maker
from stagegap.model.queue import GuidelineVersion
from stagegap.model.record import Json, refuse_odd_numbers
from stagegap.store import events
from stagegap.store import rows as json_text
from stagegap.store.attach import Session
from stagegap.store.control import intern, intern_stage
from stagegap.store.journal import Journal, Op


def put_guideline(session: Session, cascade: str, stage: str, version: GuidelineVersion) -> None:
    """Keep a version; one that is there already keeps its time."""
    with session.transaction():
        owner = intern(session, "cascade", cascade)
        session.run(
            "insert into guideline select $1, $2, $3, $4, $5 where not exists"
            " (from guideline where cascade = $1 and stage = $2 and hash = $3)",
            owner, intern_stage(session, owner, stage), version.hash, version.text, version.since,
        )  # fmt: skip


def guideline_versions(session: Session, cascade: str, stage: str) -> list[GuidelineVersion]:
    """The versions of a stage's guideline, oldest first."""
    rows = session.rows(
        "select g.hash, g.body, g.since from guideline g join cascade c on c.id = g.cascade"
        " join stage s on s.id = g.stage where c.name = ? and s.name = ? order by g.since, g.rowid",
        cascade, stage,
    )  # fmt: skip
    return [GuidelineVersion(hash=row[0], text=row[1], since=row[2]) for row in rows]


_SQL_TYPES: Mapping[Field, str] = {
    Field.TEXT: "VARCHAR",
    Field.FLAG: "BOOLEAN",
    Field.INSTANT: "DOUBLE",
    Field.MILLISECONDS: "UINTEGER",
    Field.SHARE: "DOUBLE",
}
_ANSWERS = ("value", "facts", "also")
"""What the answers of a label become: columns of JSON text."""
_SHAPE = json.dumps(
    {"cascade": "VARCHAR"}
    | {name: _SQL_TYPES[kind] for name, kind in LABEL_FIELDS.items()}
    | dict.fromkeys(_ANSWERS, "VARCHAR")
)
_NAMES: Mapping[str, str] = {"record": "r.name", "stage": "s.name", "annotator": "p.name", "at": "l.made_at"}
_OWN = tuple(name for name in LABEL_FIELDS if name not in ("record", "stage", "annotator", "at")) + _ANSWERS
"""Columns of the label table that are called like the field."""


def pack(cascade: str, label: Label) -> tuple[str, bytes]:
    """The operation (id, body). Raises: ValueError for NaN or an infinity, and for an empty id."""
    if not label.id:
        raise ValueError("a label needs an id: the same id twice is one label")
    for number in (label.at, label.probability):
        if number is not None and not math.isfinite(number):
            raise ValueError(f"{number} is no number that can be stored with a label")
    answer = label.answer
    for given in (*([answer] if answer else []), *label.also):
        refuse_odd_numbers(given.value)
    fields: dict[str, Json] = {
        "cascade": cascade,
        **{name: getattr(label, name) for name in LABEL_FIELDS},
        "value": None if answer is None else json_text.write(answer.value).decode(),
        "facts": json_text.write([f.wordings for f in answer.facts]).decode() if answer and answer.facts else None,
        "also": _answers(label.also),
    }
    return json_text.plain(label.id), json_text.write(fields)


_SAID = (*SAID, *_ANSWERS)


def refuse_taken(journal: Journal, cascade: str, labels: Sequence[Label]) -> None:
    """Refuse an id that this cascade has another answer under. Raises: ConfigurationError."""
    written = journal.bodies("label", [json_text.plain(label.id) for label in labels])
    for label in labels if written else ():
        body = written.get(json_text.plain(label.id))
        if body is None:
            continue
        have = cast("dict[str, Any]", json_text.read(body))
        now = cast("dict[str, Any]", json_text.read(redaction.secrets().known_bytes(pack(cascade, label)[1])))
        if have["cascade"] == now["cascade"] and any(have.get(name) != now[name] for name in _SAID if name in have):
            raise ConfigurationError(
                f"The id {label.id!r} has another answer already, of {have['annotator']!r} for the record"
                f" {have['record']!r} at {have['stage']!r}: labels are added, never changed. Give it an id of its own."
            )


def _answers(answers: Sequence[Answer]) -> str | None:
    rows: list[Json] = [[answer.value, [list(fact.wordings) for fact in answer.facts]] for answer in answers]
    return json_text.write(rows).decode() if rows else None


def apply(session: Session, ops: Sequence[Op]) -> None:
    """Write label operations into the tables, inside the caller's transaction."""
    events.arrive(session, ops, shape=_SHAPE, table="label")
    own = ", ".join(_OWN)
    session.run(f"""
        {events.NAMES} {events.STAGES}
        insert into label (seq, cascade, stage, record, annotator, made_at, {own})
        select a.seq, c.id, s.id, r.id, p.id, a."at", {", ".join(f"a.{name}" for name in _OWN)}
        from arrived a
            left join cascade c on c.name = a.cascade
            left join stage s on s.cascade = c.id and s.name = a.stage
            left join met r on r.cascade = c.id and r.name = a.record
            left join annotator p on p.name = a.annotator
        order by a.seq
    """)


_DEFAULTS = {field.name: field.default for field in fields(Label) if isinstance(field.default, str | bool | float)}
"""What stands for a field that an older program did not write."""


def _column(name: str) -> str:
    column = _NAMES.get(name, f"l.{name}")
    return f"coalesce({column}, {_DEFAULTS[name]!r})" if name in _DEFAULTS else column


_RARE = ("unsure", "odd", "note", "verified", "targeted", "run", "reason", "cites", "task", "facts", "also")
"""What few labels say comes as one column, null for all others: a cell costs as much as any other, empty or not."""
_OFTEN = tuple(name for name in LABEL_FIELDS if name not in _RARE)
_ROW = f"""{", ".join(map(_column, _OFTEN))}, l.value,
    nullif({{{", ".join(f"'{name}': {_column(name)}" for name in _RARE)}}},
        {{{", ".join(f"'{name}': {repr(_DEFAULTS[name]) if name in _DEFAULTS else 'null'}" for name in _RARE)}}})"""
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
    task: Task | None = None,
) -> list[Label]:
    """Every label ever made there, in order, the undrained ones included; of one task where it is named."""
    filters = {"s.name": stage, "p.name": annotator, "l.queue": queue, "r.name": record}
    chosen = {column: json_text.plain(value) for column, value in filters.items() if value is not None}
    if task is not None:
        chosen["coalesce(l.task, 'produce')"] = task
    condition = "".join(f" and {column} = ?" for column in chosen)
    rows = session.rows(
        f"select {_ROW}, l.seq from label l {_JOINS}"
        f" where l.cascade = (select id from cascade where name = ?){condition} order by l.seq, l.rowid",
        json_text.plain(cascade),
        *chosen.values(),
    )
    labels = _labels(rows)
    wanted = (stage, annotator, queue, record)
    late = [
        (seq, label)
        for seq, owner, label in tail(session, journal)
        if owner == json_text.plain(cascade)
        and task in (None, label.task)
        and all(
            want is None or json_text.plain(want) == have
            for want, have in zip(wanted, (label.stage, label.annotator, label.queue, label.record), strict=True)
        )
    ]
    if not late:
        return labels
    numbered = [(row[-1], label) for row, label in zip(rows, labels, strict=True)]
    return [label for _, label in sorted([*numbered, *late], key=lambda pair: pair[0])]


def asked_records(
    session: Session, journal: Journal, cascade: str, *, stages: Sequence[str], annotator: str
) -> set[str]:
    """The records at which that person was asked at one of the stages about the outputs of a run."""
    owner, person = json_text.plain(cascade), json_text.plain(annotator)
    rows = session.rows(
        f"select distinct r.name from label l {_JOINS} where l.cascade = (select id from cascade where name = ?)"
        " and p.name = ? and l.run <> '' and s.name in (select unnest(?::varchar[]))",
        owner,
        person,
        list(stages),
    )
    late = (label for _, of, label in tail(session, journal) if of == owner and label.stage in stages and label.run)
    return {row[0] for row in rows} | {label.record for label in late if label.annotator == person}


def count(session: Session, journal: Journal, cascade: str, *, of_outputs: bool = False) -> int:
    """Count every answer to a stage's question ever made there, or all that was said of outputs; undrained included."""
    stored = session.rows(
        "select count(*) from label where cascade = (select id from cascade where name = ?)"
        " and (coalesce(task, 'produce') <> 'produce') = ?",
        json_text.plain(cascade),
        of_outputs,
    )[0][0]
    late = tail(session, journal)
    return stored + sum(
        owner == json_text.plain(cascade) and (label.task != "produce") is of_outputs for _, owner, label in late
    )


def copies(session: Session) -> list[tuple[str, bytes]]:
    """Every label of the file as an operation for a journal that does not have it."""
    rows = session.rows(
        f"select {_ROW}, c.name from label l {_JOINS} join cascade c on c.id = l.cascade order by l.seq, l.rowid"
    )
    return [pack(row[-1], label) for row, label in zip(rows, _labels(rows), strict=True)]


def tail(session: Session, journal: Journal) -> list[tuple[int, str, Label]]:
    """(seq, cascade, label) of what the journal holds and the file does not; damaged ones are left to `check`."""
    ops = [op for op in journal.labels(events.applied(session)) if op.is_whole]
    if not ops:
        return []
    ids = [op.id for op in ops]
    applied_ids = {
        row[0] for row in session.rows("select id from label where id in (select unnest(?::varchar[]))", ids)
    }
    fresh = [(op.seq, cast("dict[str, Any]", json_text.read(op.body))) for op in ops if op.id not in applied_ids]
    return [(seq, fields["cascade"], _label(fields)) for seq, fields in fresh]


def _labels(rows: Sequence[Sequence[Any]]) -> list[Label]:
    """Labels of rows that begin with the columns of `_ROW`; answers that are written alike are one object."""
    answers: dict[tuple[str | None, str | None], Answer | None] = {(None, None): None}
    labels: list[Label] = []
    for row in rows:
        value, rare = row[len(_OFTEN) : len(_OFTEN) + 2]
        rare_fields: dict[str, Any] = rare or {}
        facts, also = rare_fields.pop("facts", None), _further(rare_fields.pop("also", None))
        if (value, facts) not in answers:
            answers[value, facts] = _written(value, facts)
        own = dict(zip(_OFTEN, row, strict=False))
        labels.append(_new_label(**own, **rare_fields, answer=answers[value, facts], also=also))
    return labels


_new_label = maker(Label)


def _label(fields: Mapping[str, Any]) -> Label:
    """Make the label from an operation's body; what an older program did not write has its default."""
    plain = {name: fields[name] for name in LABEL_FIELDS if fields.get(name) is not None}
    # The fields have the types that they were packed from.
    return Label(**plain, answer=_written(fields["value"], fields.get("facts")), also=_further(fields.get("also")))


def _written(value: str | None, facts: str | None) -> Answer | None:
    return None if value is None else _answer(json_text.read(value), json_text.read(facts) if facts else [])


def _further(also: str | None) -> tuple[Answer, ...]:
    pairs = cast("list[tuple[Json, Any]]", json_text.read(also) if also else [])
    return tuple(_answer(value, facts) for value, facts in pairs)


def _answer(value: Json, facts: Any) -> Answer:  # Any: JSON as `pack` wrote it
    wordings = cast("list[list[str]]", facts)
    return Answer(value=value, facts=tuple(Fact(tuple(alternatives)) for alternatives in wordings))
