"""Label queues: stored samples with their allowed payload. Nothing here reads outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from statistics import median
from typing import Any, cast

from stagegap.errors import NotFound, StoreError
from stagegap.model.answer import Answer, Label
from stagegap.model.queue import Progress, Queue, QueueItem, Sitting
from stagegap.people.disagreements import digest
from stagegap.people.verdicts import is_blind
from stagegap.store import events, labels
from stagegap.store import rows as json_text
from stagegap.store.attach import Session
from stagegap.store.control import intern, intern_stage
from stagegap.store.journal import Journal


def create(session: Session, queue: Queue, items: Sequence[QueueItem]) -> None:
    """Store the queue with its items, all or nothing. Raises: StoreError when the id is taken."""
    if session.rows("select 1 from queue where id = ?", queue.id):
        raise StoreError(f"There is already a queue {queue.id!r}; make the new one under another id.")
    with session.transaction():
        cascade = intern(session, "cascade", queue.cascade)
        stage = intern_stage(session, cascade, queue.stage)
        session.run(
            "insert into queue values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            queue.id, cascade, stage, queue.purpose, queue.created_at, queue.form, queue.question, queue.guideline,
            queue.seed, queue.run, queue.drawn, queue.warmup,
        )  # fmt: skip
        session.run(
            """create or replace temp table arrived_item as select unnest(p.position) as position,
                unnest(p.record) as name, unnest(p.payload) as payload, unnest(p.probability) as probability,
                unnest(p.sealed) as sealed
            from (select from_json_strict(?::varchar, '{"position":["UINTEGER"],"record":["VARCHAR"],
                "payload":["VARCHAR"],"probability":["DOUBLE"],"sealed":["VARCHAR"]}') as p)""",
            json_text.write(
                {
                    "position": [item.position for item in items],
                    "record": [item.record for item in items],
                    "payload": [item.payload for item in items],
                    "probability": [item.probability for item in items],
                    "sealed": [item.sealed for item in items],
                }
            ).decode(),
        )
        session.run(
            "insert into record select (select coalesce(max(id), 0) from record) + row_number() over (), $1, name"
            " from (select distinct name from arrived_item) n"
            " where not exists (from record r where r.cascade = $1 and r.name = n.name)",
            cascade,
        )
        session.run(
            "insert into queue_item select $1, a.position, r.id, a.payload, a.probability, a.sealed"
            " from arrived_item a join record r on r.name = a.name and r.cascade = $2 order by a.position",
            queue.id,
            cascade,
        )


def find(session: Session, cascade: str, stage: str | None) -> list[Queue]:
    """The queues of a cascade, oldest first."""
    rows = session.rows(
        """select q.id, c.name, s.name, q.purpose, q.created_at, q.form, q.question, q.guideline,
            q.seed, q.run, q.drawn, q.warmup
        from queue q join cascade c on c.id = q.cascade join stage s on s.id = q.stage
        where c.name = ? and (?::varchar is null or s.name = ?) order by q.rowid""",
        cascade, stage, stage,
    )  # fmt: skip
    return [_queue(row) for row in rows]


def names(session: Session, cascade: str) -> list[str]:
    """The ids of the queues of a cascade, oldest first."""
    rows = session.rows(
        "select q.id from queue q join cascade c on c.id = q.cascade where c.name = ? order by q.rowid", cascade
    )
    return [row[0] for row in rows]


def sitting(
    session: Session, journal: Journal, queue: str, annotator: str, limit: int, readers: Sequence[str] = ()
) -> Sitting:
    """Where that person is, with the next items: open ones in the person's order, then the skipped ones.

    The order is that of the sample; in an overlap and in what decides the ranking it is the person's own. Left out are
    records that the person has labelled already, and those whose answers the person has seen elsewhere: on another
    page, by settling or judging, or as an input of one of the `readers`, the stages that read this one.
    Raises: NotFound.
    """
    desk = _desk(session, journal, queue, annotator, readers)
    fresh = [position for position, record in desk.order if record not in desk.latest]
    skipped = [position for position, record in desk.order if record in desk.skipped]
    wanted = [*fresh, *skipped][:limit]
    done = [desk.latest[record] for _, record in desk.order if record in desk.latest and record not in desk.skipped]
    times = [label.active_ms for label in done if label.active_ms is not None]
    own = next((label for label in reversed(desk.latest.values()) if label.queue == queue), None)
    place = desk.places.get(own.record) if own else None
    items = _payloads(session, queue, wanted if place is None else [*wanted, place])
    return Sitting(
        items=items[: len(wanted)],
        progress=Progress(
            done=len(done),
            skipped=len(desk.skipped),
            total=len(desk.order),
            median_ms=median(times) if times else None,
        ),
        last=(items[-1], own) if own is not None and place is not None else None,
        guideline=desk.guideline,
    )


def items_of(session: Session, queue: str, records: Sequence[str]) -> list[QueueItem]:
    """The items of these records, in the order of the sample; a record that is not in the queue is left out."""
    rows = session.rows(
        "select i.position from queue_item i join record r on r.id = i.record"
        " where i.queue = ? and r.name in (select unnest(?::varchar[])) order by i.position",
        queue,
        [json_text.plain(name) for name in records],
    )
    return _payloads(session, queue, [row[0] for row in rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """One person before one queue."""

    order: Sequence[tuple[int, str]]
    """Position and record of what is this person's to answer."""
    latest: dict[str, Label]
    """The action that counts for each record, in the order of the actions."""
    skipped: frozenset[str]
    places: Mapping[str, int]
    """Position of every record of the queue."""
    guideline: str


def _desk(session: Session, journal: Journal, queue: str, annotator: str, readers: Sequence[str]) -> _Desk:
    owner = session.rows(
        "select c.name, s.name, q.purpose from queue q join cascade c on c.id = q.cascade"
        " join stage s on s.id = q.stage where q.id = ?",
        queue,
    )
    if not owner:
        raise NotFound(f"The store knows no queue {queue!r}.")
    cascade, stage, purpose = owner[0]
    own_labels = labels.find(session, journal, cascade, stage=stage, annotator=annotator)
    latest: dict[str, Label] = {}
    for label in own_labels:
        if label.action != "adjudicate" and _counts(label, queue, purpose):
            latest.pop(label.record, None)
            if label.action == "label" or (label.action == "skip" and label.queue == queue):
                latest[label.record] = label
    answered = {record for record, label in latest.items() if label.action == "label"}
    known = events.SEEN.distinct(session, journal, "record", cascade=cascade, annotator=annotator) | _shown(
        own_labels, purpose
    )
    verdicts = labels.find(session, journal, cascade, annotator=annotator, task="verdict")
    known |= {label.record for label in verdicts if label.action != "undo"}
    if readers:
        known |= labels.asked_records(session, journal, cascade, stages=readers, annotator=annotator)
    if purpose == "verdict":
        known = {record for record in known if is_blind(queue, annotator, record)}
    known -= answered
    rows = session.rows(
        "select i.position, r.name, i.sealed from queue_item i join record r on r.id = i.record"
        " where i.queue = ? order by i.position",
        queue,
    )
    own = _own_answers(own_labels) if purpose == "judge" else {}
    if purpose in ("overlap", "next"):
        rows.sort(key=lambda row: sha256(json_text.plain(f"{queue}/{annotator}/{row[1]}").encode()).digest())
    return _Desk(
        order=[
            (row[0], row[1]) for row in rows if row[1] not in known and not _is_own(row[2], annotator, own.get(row[1]))
        ],
        latest=latest,
        skipped=frozenset(latest.keys() - answered - known),
        places={row[1]: row[0] for row in rows},
        guideline=next((label.guideline for label in reversed(own_labels) if label.guideline), ""),
    )


def _shown(own_labels: Sequence[Label], purpose: str) -> set[str]:
    """The records at which a person has seen what others answered, by settling or judging it."""
    others = {label.record for label in own_labels if label.action == "adjudicate"}
    return others if purpose == "judge" else others | {label.record for label in own_labels if label.task == "judge"}


def _is_own(sealed: str | None, annotator: str, own: str | None) -> bool:
    """Say whether a person gave one of the two answers that are judged, or the same one: nobody judges their own."""
    if not sealed:
        return False
    secret = cast("dict[str, Any]", json_text.read(sealed))
    return secret.get("author") == annotator or (own is not None and own in secret.get("answers", ()))


def _own_answers(own_labels: Sequence[Label]) -> dict[str, str]:
    """The digest of what the person answers at each record, as far as it stands."""
    answers: dict[str, str] = {}
    for label in own_labels:
        if label.task == "produce" and label.action != "adjudicate":
            answers.pop(label.record, None)
            if label.answer is not None:
                answers[label.record] = digest(Answer(value=label.answer.value))
    return answers


def _counts(label: Label, queue: str, purpose: str) -> bool:
    """Say whether a label answers an item of this queue, in whichever queue it was made.

    A label of a hunt does not answer a fair sample: the sample would lack the very records that were hunted for. A
    swap asks about the inputs of one run, a judge and a verdict queue about the answers they show, so that only their
    own labels answer them, and a swap's answer nothing else. Whoever answered a record blind gives no verdict on it.
    """
    if label.task == "verdict" or purpose == "judge":
        return label.queue == queue and (label.task == "judge") is (purpose == "judge")
    if label.task == "judge":
        return False
    if label.queue == queue or purpose == "hunting":
        return True
    return purpose != "swap" and not label.targeted and not label.is_swap


def _payloads(session: Session, queue: str, positions: Sequence[int]) -> list[QueueItem]:
    rows = session.rows(
        """select i.position, r.name, i.payload, i.probability, i.sealed
        from queue_item i join record r on r.id = i.record
        where i.queue = ? and i.position in (select unnest(?::uinteger[]))""",
        queue,
        list(positions),
    )
    items = {row[0]: _item(row) for row in rows}
    return [items[position] for position in positions]


def _queue(row: Sequence[Any]) -> Queue:
    key, cascade, stage, purpose, created_at, form, question, guideline, seed, run, drawn, warmup = row
    return Queue(
        id=key,
        cascade=cascade,
        stage=stage,
        purpose=purpose,
        created_at=created_at,
        form=form,
        question=question,
        guideline=guideline,
        seed=seed,
        run=run or "",
        drawn=drawn or "",
        warmup=warmup or "[]",
    )


def _item(row: Sequence[Any]) -> QueueItem:
    position, record, payload, probability, sealed = row
    return QueueItem(position=position, record=record, payload=payload, probability=probability, sealed=sealed or "")
