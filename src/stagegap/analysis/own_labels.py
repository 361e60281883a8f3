"""A person's own labels with their history, newest first: to look at again, and to correct by adding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stagegap.analysis.settling import in_words
from stagegap.model.answer import Label

MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLabel:
    """What a person said of one record last, and before."""

    record: str
    said: str
    at: float
    """Seconds since 1970, UTC."""
    queue: str
    """Queue that holds the record; empty for a label that was imported."""
    before: tuple[str, ...]
    """What the person said earlier, newest first."""


def own_labels(labels: Iterable[Label], *, most: int = MOST) -> list[OwnLabel]:
    """The records that a person labelled or skipped at one stage, at most so many; what is undone says so."""
    events: dict[str, list[Label]] = {}
    for label in sorted(labels, key=lambda label: label.at):
        if label.action != "adjudicate":
            earlier = events.pop(label.record, [])
            events[label.record] = [*earlier, label]
    newest = list(reversed(events.values()))[:most]
    return [
        OwnLabel(
            record=history[-1].record,
            said=_words(history[-1]),
            at=history[-1].at,
            queue=next((label.queue for label in reversed(history) if label.queue), ""),
            before=tuple(_words(label) for label in reversed(history[:-1])),
        )
        for history in newest
    ]


def _words(label: Label) -> str:
    if label.answer is None:
        return {"skip": "skipped"}.get(label.action, "undone")
    marks = [name for name, is_set in (("unsure", label.unsure), ("odd", label.odd)) if is_set]
    words = in_words(label.answer, {})
    return f"{words} ({', '.join(marks)})" if marks else words
