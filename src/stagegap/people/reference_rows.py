"""Rows of reference files: a label from one is in force for as long as the file says so."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from stagegap.model.answer import WITHDRAWN, Label

AGAIN = "~"
"""Stands between the id of a row and how often it was put back: events are only ever added."""
LEFT = "No longer in its reference file."
FILE = "reference file"
"""Who takes an adjudication back: an undo by the person would take their own answer back."""
Seat = tuple[str, str, str]
"""Record, stage, and the person; empty for adjudications, of which one is in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What brings the labels in line with the files."""

    events: tuple[Label, ...]
    """Labels to add."""
    owned: frozenset[str]
    """Ids of all labels that came from the files, those of earlier times included."""
    sentence: str
    """What changed since the last time; empty where nothing did, and the first time."""


def followed(stored: Sequence[Label], rows: Sequence[Label], owned: Collection[str]) -> Followed:
    """Compare the labels of a cascade with the rows of its reference files, and say what to add.

    `owned` are the ids that came from the files before. Of several rows of one person the last in force counts. A
    person's own later answer stands for as long as the row says what it said then.
    """
    before, wanted = _in_force(stored), _in_force(rows)
    counts, known = _times(stored), {label.id for label in stored}
    events: list[Label] = [row for row in {r.id: r for r in rows}.values() if _is_apart(row) and row.id not in known]
    mine = {*owned}
    new = changed = withdrawn = 0
    for seat, row in wanted.items():
        last = before.get(seat)
        if last is not None and _says(last, row):
            if not last.seen and not last.queue:
                mine.add(last.id)
            continue
        is_ours = last is not None and (last.id in mine or last.is_withdrawal)
        if last is not None and not is_ours and counts.get(row.id):
            continue  # the person said otherwise after the row was taken in
        at = max(row.at, last.at) if last is not None and is_ours else row.at
        times = counts.get(row.id, 0)
        event = replace(row, id=f"{row.id}{AGAIN}{times}" if times else row.id, at=at)
        events.append(event)
        mine.add(event.id)
        changed += is_ours
        new += not is_ours
    for seat, last in before.items():
        if seat not in wanted and last.id in mine and not last.is_withdrawal:
            gone = [last] if seat[2] else [label for label in stored if _seat(label) == seat and label.id in mine]
            events.extend(_withdrawal(label) for label in gone if f"{WITHDRAWN}{label.id}" not in known)
            withdrawn += 1
    return Followed(events=tuple(events), owned=frozenset(mine), sentence=_sentence(new, changed, withdrawn, owned))


def _in_force(labels: Iterable[Label]) -> dict[Seat, Label]:
    """The last event of each seat; withdrawals of adjudications leave the ones before in force."""
    labels = list(labels)
    gone = {label.id.removeprefix(WITHDRAWN) for label in labels if label.is_withdrawal}
    ordered = sorted((label for label in labels if not _is_apart(label)), key=lambda label: label.at)
    return {
        _seat(label): label
        for label in ordered
        if label.annotator != FILE and not (label.action == "adjudicate" and label.id in gone)
    }


def _seat(label: Label) -> Seat:
    return label.record, label.stage, "" if label.action == "adjudicate" else label.annotator


def _is_apart(label: Label) -> bool:
    """True for what settles no reference."""
    return label.is_swap or label.task != "produce"


def _times(labels: Iterable[Label]) -> dict[str, int]:
    """How often each row was taken in, by its id."""
    counts: dict[str, int] = {}
    for label in labels:
        row = label.id.partition(AGAIN)[0]
        counts[row] = counts.get(row, 0) + 1
    return counts


def _says(label: Label, row: Label) -> bool:
    return (label.action, label.answer, label.also) == (row.action, row.answer, row.also)


def _withdrawal(label: Label) -> Label:
    return Label(
        id=f"{WITHDRAWN}{label.id}",
        record=label.record,
        stage=label.stage,
        annotator=FILE if label.action == "adjudicate" else label.annotator,
        answer=None,
        action="undo",
        at=label.at,
        note=LEFT,
    )


def _sentence(new: int, changed: int, withdrawn: int, owned: Collection[str]) -> str:
    if not (changed or withdrawn or (new and owned)):
        return ""
    parts = [
        f"{count:,} {'row is' if count == 1 else 'rows are'} {what}"
        for count, what in ((new, "new"), (changed, "changed"), (withdrawn, "gone and withdrawn"))
        if count
    ]
    return f"Reference files: {', '.join(parts)} since the last run; what was there before stays in the history."
