"""One record stage by stage: what the stage saw, what the system answered, what is right, and how they differ."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from stagegap.analysis.failures import shown_output
from stagegap.metrics.formulas import contains, ids
from stagegap.model.answer import Answer, Output, Reference
from stagegap.model.cascade import Cascade, Kind, Source, Stage
from stagegap.model.notes import Failure
from stagegap.model.record import Json, Record
from stagegap.model.wording import listed
from stagegap.people.references import how_settled

MOST_WORDS = 3_000
"""Texts with more words are not compared: the search for common words grows with the square of their number."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of an answer: in both, in the system's only (`extra`), or in the reference only (`missing`)."""

    kind: Literal["same", "extra", "missing"]
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Two answers side by side; each side holds all its pieces in its own order."""

    system: tuple[Mark, ...]
    reference: tuple[Mark, ...]

    @property
    def count(self) -> int:
        """How many pieces stand on one side only."""
        return sum(mark.kind != "same" for mark in (*self.system, *self.reference))


def list_difference(system: Sequence[str], reference: Sequence[str]) -> Difference:
    """Which items are extra and which are missing; the order does not count.

    >>> [mark.kind for mark in list_difference(["a", "b"], ["b", "c"]).reference]
    ['same', 'missing']
    """
    return Difference(
        tuple(Mark("same" if item in reference else "extra", item) for item in system),
        tuple(Mark("same" if item in system else "missing", item) for item in reference),
    )


def word_difference(system: str, reference: str) -> Difference | None:
    """The longest common runs of words, and what stands between them; None for texts that are too long.

    Joined, the pieces of a side are its text, blanks included. Words with other blanks behind them are the same.

    >>> [(mark.kind, mark.text) for mark in word_difference("Within 30 days.", "Within 14 days.").system]
    [('same', 'Within '), ('extra', '30 '), ('same', 'days.')]
    """
    ours, theirs = _words(system), _words(reference)
    if max(len(ours), len(theirs)) > MOST_WORDS:
        return None
    bare = [[word.strip() for word in words] for words in (ours, theirs)]
    left: list[Mark] = []
    right: list[Mark] = []
    for kind, start, end, other, other_end in SequenceMatcher(None, *bare, autojunk=False).get_opcodes():
        _add(left, "extra", kind, ours[start:end])
        _add(right, "missing", kind, theirs[other:other_end])
    return Difference(tuple(left), tuple(right))


def _add(side: list[Mark], alone: Literal["extra", "missing"], kind: str, words: Sequence[str]) -> None:
    text = "".join(words)
    if text:
        side.append(Mark("same" if kind == "equal" or text.isspace() else alone, text))


def _words(text: str) -> list[str]:
    """Split into words with the blanks behind them; those at the start belong to the first."""
    return re.findall(r"(?:^\s+)?\S+\s*|^\s+$", text)


Badge = Literal["same", "good enough", "first fault", "inherits the fault", "own fault", "not compared"]
LONGEST = 20_000
"""Characters of an answer that are shown; what was cut is counted."""
LONGEST_FIELD = 500_000
"""Characters of a field of the record that are shown."""
SHORT = 120
"""Characters of an earlier stage's answer as it stands among what a stage saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBlock:
    """One stage of one record."""

    stage: str
    badge: Badge
    score: float
    """NaN where nothing was compared."""
    saw: tuple[tuple[str, str], ...]
    """Name of the input, and where it came from or what it was, as plain text."""
    system: str
    reference: str
    """The accepted answer that is compared; empty when there is none."""
    also: tuple[str, ...]
    """Further accepted answers."""
    facts: tuple[Mark, ...]
    """What a good text must contain: `same` where the system says it, `missing` where it does not."""
    people: str
    """Who gave the reference and how it was settled; empty when there is none."""
    difference: Difference | None
    """None where answers can't be compared piece by piece."""
    kind: Literal["items", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """One record in full."""

    record: str
    fields: tuple[tuple[str, str], ...]
    """Name and text, as plain text."""
    blocks: tuple[StageBlock, ...]


def record_view(
    record: Record,
    cascade: Cascade,
    *,
    outputs: Mapping[str, Output],
    references: Mapping[str, Reference],
    faults: Mapping[str, Failure],
    scores: Mapping[str, float],
) -> RecordView:
    """The record with a block for each stage; all mappings are by stage, for this record."""
    return RecordView(
        record=record.id,
        fields=tuple((name, _cut(text_of(value), LONGEST_FIELD)) for name, value in record.fields.items()),
        blocks=tuple(
            _block(
                stage,
                record,
                outputs,
                reference=references.get(stage.name),
                fault=faults.get(stage.name),
                score=scores.get(stage.name, math.nan),
            )
            for stage in cascade.stages
        ),
    )


def _block(
    stage: Stage,
    record: Record,
    outputs: Mapping[str, Output],
    *,
    reference: Reference | None,
    fault: Failure | None,
    score: float,
) -> StageBlock:
    output = outputs.get(stage.name)
    accepted = reference.accepted if reference is not None else ()
    value = output.value if output is not None and output.status.has_value else None
    best = _nearest(value, accepted)
    is_items = stage.output.kind in (Kind.RANKING, Kind.LABELS)
    is_same = best is not None and _key(value, is_items) == _key(best.value, is_items)
    has_answer = value is not None and best is not None and best.value is not None
    return StageBlock(
        stage=stage.name,
        badge=_badge(fault, is_compared=not math.isnan(score), is_same=is_same),
        score=score,
        saw=tuple((name, _saw(source, record, outputs)) for name, source in stage.inputs.items()),
        system=_shown(value, is_items) if value is not None else shown_output(output),
        reference="" if best is None else "no answer" if best.value is None else _shown(best.value, is_items),
        also=tuple(_shown_or_none(answer, is_items) for answer in accepted if answer is not best),
        facts=_facts(value, best),
        people=_people(reference),
        difference=_difference(value, best.value, is_items) if has_answer and best is not None else None,
        kind="items" if is_items else "text",
    )


def _badge(fault: Failure | None, *, is_compared: bool, is_same: bool) -> Badge:
    if fault is not None:
        if fault.first_fault:
            return "first fault"
        return "inherits the fault" if fault.inherits else "own fault"
    if not is_compared:
        return "not compared"
    return "same" if is_same else "good enough"


def _nearest(value: Json, accepted: Sequence[Answer]) -> Answer | None:
    """The accepted answer that is the system's own if there is one, otherwise the first."""
    same = (answer for answer in accepted if answer.value == value)
    return next(same, accepted[0] if accepted else None)


def _difference(value: Json, reference: Json, is_items: bool) -> Difference | None:
    if is_items:
        return list_difference(ids(value), ids(reference))
    return word_difference(_cut(text_of(value)), _cut(text_of(reference)))


def _key(value: Json, is_items: bool) -> str:
    return json.dumps(sorted(ids(value)) if is_items and value is not None else value, sort_keys=True)


def _facts(value: Json, answer: Answer | None) -> tuple[Mark, ...]:
    text = value if isinstance(value, str) else ""
    return tuple(
        Mark("same" if any(contains(text, wording) for wording in fact.wordings) else "missing", fact.wordings[0])
        for fact in (answer.facts if answer is not None else ())
    )


def _people(reference: Reference | None) -> str:
    if reference is None or not reference.accepted:
        return ""
    names = listed(list(dict.fromkeys(reference.annotators))) if reference.annotators else "unknown"
    return f"{names}, {how_settled(reference)}"


def _saw(source: Source, record: Record, outputs: Mapping[str, Output]) -> str:
    if source.origin == "record":
        field = record.fields.get(source.name)
        return f"record.{source.name}" if field is not None else f"record.{source.name}, which is empty"
    output = outputs.get(source.name)
    if source.part == "confidence":
        return f"confidence of {source.name}"
    if source.part == "scores":
        return f"scores of {source.name}"
    text = shown_output(output)
    return text if len(text) <= SHORT else f"{text[: SHORT - 1].rstrip()}…"


def text_of(value: Json) -> str:
    """A value as people read it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _shown(value: Json, is_items: bool) -> str:
    return ", ".join(ids(value)) or "none" if is_items else _cut(text_of(value))


def _shown_or_none(answer: Answer, is_items: bool) -> str:
    return "no answer" if answer.value is None else _shown(answer.value, is_items)


def _cut(text: str, most: int = LONGEST) -> str:
    if len(text) <= most:
        return text
    return f"{text[:most]}… (cut: {len(text):,} characters)"
