"""Since when a person has known what others answered at a record: from then on a label of theirs there is not blind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stagegap.model.answer import Label
from stagegap.model.cascade import Cascade
from stagegap.model.reading import Seen

Told = tuple[str, str, str]
"""Record, stage, person."""


def told_since(labels: Iterable[Label], looks: Iterable[Seen], cascade: Cascade) -> dict[Told, float]:
    """The time at which each person first saw an answer of somebody else, in seconds since 1970, UTC.

    By looking at the record on another page, by settling or judging, or because a later stage that the person was asked
    about has the answer among its inputs.
    """
    first: dict[Told, float] = {}

    def note(record: str, stage: str, who: str, at: float) -> None:
        first[record, stage, who] = min(at, first.get((record, stage, who), at))

    for look in looks:
        for stage in cascade.names:
            note(look.record, stage, look.annotator, look.at)
    shows = {stage.name: stage.shows for stage in cascade.stages}
    for label in labels:
        if label.action == "adjudicate" or label.task == "judge":
            note(label.record, label.stage, label.annotator, label.at)
        for stage in shows.get(label.stage, ()) if label.run else ():
            note(label.record, stage, label.annotator, label.at)
    return first


def is_told(label: Label, since: Mapping[Told, float]) -> bool:
    """Say whether a person's own answer was given after they saw somebody else's."""
    is_answer = label.action == "label" and label.task == "produce"
    return is_answer and label.at > since.get((label.record, label.stage, label.annotator), label.at)
