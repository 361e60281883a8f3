"""Who answers for people at a stage of a record, and to which inputs: labels -> answers by what was shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from stagegap.analysis.references import Place
from stagegap.model.answer import Answer, Label
from stagegap.model.cascade import Cascade


@dataclass(frozen=True, slots=True, kw_only=True)
class Respondent:
    """One person at one stage of one record."""

    name: str
    answers: Mapping[str, Answer]
    """By what was shown."""


def respondents(
    labels: Iterable[Label],
    put: Mapping[tuple[str, str], str],
    cascade: Cascade,
    actual: Mapping[Place, str],
    *,
    anything: str,
) -> dict[Place, Respondent]:
    """Choose one person for each record and stage, of those whose input is known.

    `put` says what a queue put before people, by queue and record; `actual` what the stage received in the run. A
    label of no queue counts where the stage reads nothing but the record (as `anything`). Of several people the one
    who answered what the stage received comes first; the rest is drawn by the record's id, so that nobody's labels
    are preferred. Hunted labels are left out: their records are no fair sample.
    """
    roots = {stage.name for stage in cascade.stages if not stage.parents}
    people: dict[Place, dict[str, dict[str, Answer | None]]] = {}
    for label in sorted(labels, key=lambda label: label.at):
        if label.action == "adjudicate" or label.targeted or label.task != "produce":
            continue
        what = put.get((label.queue, label.record)) if label.queue else anything
        if what is not None and (label.queue or label.stage in roots):
            own = people.setdefault((label.record, label.stage), {}).setdefault(label.annotator, {})
            own[what] = label.answer if label.action == "label" else None
    by_place: dict[Place, Respondent] = {}
    for place, own in people.items():
        answered = {
            name: answers
            for name, given in own.items()
            if (answers := {what: answer for what, answer in given.items() if answer is not None})
        }
        fits = {actual.get(place), anything}
        first = min(answered, key=lambda name: (not fits & answered[name].keys(), _draw(place, name)), default=None)
        if first is not None:
            by_place[place] = Respondent(name=first, answers=answered[first])
    return by_place


def _draw(place: Place, name: str) -> bytes:
    return sha256("\0".join((*place, name)).encode("utf-8", "surrogatepass")).digest()
