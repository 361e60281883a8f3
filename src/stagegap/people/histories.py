"""Where a reference comes from: who said what, when, having seen what; and a person's own labels."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from stagegap.model.answer import Answer, Label
from stagegap.model.cascade import Cascade
from stagegap.model.notes import Seen
from stagegap.model.queue import GuidelineVersion
from stagegap.model.record import Json
from stagegap.model.wording import instant
from stagegap.people import verdicts
from stagegap.people.disagreements import in_words
from stagegap.people.references import fitting, how_settled, references

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
        if label.action == "adjudicate" or label.task != "produce":
            note(label.record, label.stage, label.annotator, label.at)
        for stage in shows.get(label.stage, ()) if label.run else ():
            note(label.record, stage, label.annotator, label.at)
    return first


def is_told(label: Label, since: Mapping[Told, float]) -> bool:
    """Say whether a person's own answer was given after they saw somebody else's."""
    is_answer = label.action == "label" and label.task == "produce"
    return is_answer and label.at > since.get((label.record, label.stage, label.annotator), label.at)


Deed = Literal[
    "answered", "corrected", "skipped", "took back", "withdrawn", "settled", "judged", "gave a verdict",
    "saw the answers",
]  # fmt: skip
LONGEST = 2_000
"""Characters of an input that stand in a history; what was cut is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEvent:
    """One thing that a person did."""

    at: float
    """Seconds since 1970, UTC; 0 where a file did not say."""
    who: str
    verified: bool
    """True when the identity was checked; a look at the answers does not say."""
    did: Deed
    said: str
    """The answer as people read it; empty where none was given."""
    remarks: tuple[str, ...]
    """Unsure, odd, the note, why people differed, the guideline line cited, and what keeps the label out of rates."""
    saw: str
    """What was before the person, in a few words: `saw subject, body, as in run v1`."""
    inputs: tuple[tuple[str, str], ...]
    """The same in full: name and plain text; empty where it is not stored."""
    guideline: str
    """Version that the person worked by; empty where there was none."""
    active_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelHistory:
    """All that people did about one record at one stage, oldest first."""

    record: str
    stage: str
    accepted: tuple[str, ...]
    """What is held to be right, as people read it."""
    settled: str
    """Whose answers that rests on, and how it was settled; empty without a reference."""
    events: tuple[PastEvent, ...]
    guidelines: tuple[GuidelineVersion, ...]
    """The versions that the events name, with their texts."""


def label_history(
    record: str,
    stage: str,
    cascade: Cascade,
    *,
    labels: Iterable[Label],
    looks: Iterable[Seen],
    payloads: Mapping[str, str],
    runs: Mapping[str, str],
    guidelines: Iterable[GuidelineVersion],
) -> LabelHistory:
    """The history of one record at one stage.

    `labels` has judgements too, and other stages' labels, which may have shown this one's answer; `payloads` what
    people saw by the hash that labels carry, `runs` names by id.
    """
    here = sorted((label for label in labels if label.record == record), key=lambda label: label.at)
    own = [label for label in here if label.stage == stage]
    looked = [look for look in looks if look.record == record]
    kinds = {declared.name: declared.output.kind for declared in cascade.stages}
    produced = fitting([label for label in own if label.task == "produce"], cascade)
    reference = references(produced, kinds).get((record, stage))
    disclosures = told_since(here, looked, cascade)
    events = [*_deeds(own, payloads, runs, disclosures), *(_look(look, runs) for look in looked)]
    used = {event.guideline for event in events}
    return LabelHistory(
        record=record,
        stage=stage,
        accepted=tuple(in_words(answer, {}) for answer in reference.accepted) if reference else (),
        settled=f"{', '.join(reference.annotators)}: {how_settled(reference)}" if reference else "",
        events=tuple(sorted(events, key=lambda event: event.at)),
        guidelines=tuple(version for version in guidelines if version.hash in used),
    )


def _deeds(
    labels: Sequence[Label], payloads: Mapping[str, str], runs: Mapping[str, str], disclosures: Mapping[Told, float]
) -> list[PastEvent]:
    events: list[PastEvent] = []
    has_answered: set[str] = set()
    for label in labels:
        inputs = _inputs(payloads.get(label.seen, ""))
        events.append(
            PastEvent(
                at=label.at,
                who=label.annotator,
                verified=label.verified,
                did=_deed(label, again=label.annotator in has_answered),
                said=_said(label),
                remarks=_remarks(label, was_told=is_told(label, disclosures)),
                saw=_saw(label, [name for name, _ in inputs], runs),
                inputs=inputs,
                guideline=label.guideline,
                active_ms=label.active_ms,
            )
        )
        if label.action == "label" and label.task == "produce":
            has_answered.add(label.annotator)
    return events


def _deed(label: Label, *, again: bool) -> Deed:
    if label.task != "produce" and label.action == "label":
        return "judged" if label.task == "judge" else "gave a verdict"
    match label.action:
        case "label":
            return "corrected" if again else "answered"
        case "skip":
            return "skipped"
        case "undo":
            return "withdrawn" if label.is_withdrawal else "took back"
        case "adjudicate":
            return "settled"


def _said(label: Label) -> str:
    if label.answer is None:
        return ""
    if label.task == "judge":
        return _judgement(label.answer)
    if label.task == "verdict":
        return verdicts.in_a_line(label)
    return " or ".join(in_words(answer, {}) for answer in (label.answer, *label.also))


def _judgement(answer: Answer) -> str:
    judgement = cast("Mapping[str, Any]", answer.value)  # as `judging.judged_answer` made it
    points = ", ".join(f"{source} {point}" for source, point in sorted(judgement["ratings"].items()))
    return f"by {judgement['criterion']}: {points}"


def _remarks(label: Label, *, was_told: bool) -> tuple[str, ...]:
    flags = {
        "unsure": label.unsure,
        "odd": label.odd,
        "hunted for: in no rate without weights": label.targeted and label.action == "label",
        "not blind: had seen answers before": was_told,
    }
    texts = {"note": label.note, "they differed": label.reason, "guideline line": label.cites}
    return (*(flag for flag, is_set in flags.items() if is_set), *(f"{k}: {v}" for k, v in texts.items() if v))


def _saw(label: Label, names: Sequence[str], runs: Mapping[str, str]) -> str:
    if not label.seen:
        return "from a file: what was seen is unknown"
    if not names:
        return f"saw what is not stored ({label.seen})"
    run = f", as in run {runs.get(label.run, label.run)}" if label.run else ""
    return f"saw {', '.join(names)}{run}"


def _look(look: Seen, runs: Mapping[str, str]) -> PastEvent:
    return PastEvent(
        at=look.at,
        who=look.annotator,
        verified=False,
        did="saw the answers",
        said="",
        remarks=(),
        saw=f"of run {runs.get(look.run, look.run)}" if look.run else "of labellers",
        inputs=(),
        guideline="",
        active_ms=None,
    )


def _inputs(payload: str) -> tuple[tuple[str, str], ...]:
    """What a payload put before a person, by name."""
    if not payload:
        return ()
    content = cast("dict[str, Any]", json.loads(payload))  # as `worklist.payload` and `judging_item` made it
    inputs = [(str(entry["label"]), _text(entry["value"])) for entry in content["inputs"]]
    for name, offered in content["options"].items():
        lines = [
            str(option.get("text") or option["value"]) if name == "verdict" else _offer(option) for option in offered
        ]
        inputs.append(("answers" if name == "verdict" else "candidates", "\n".join(lines)))
    inputs += [(f"answer {side.upper()}", text) for side, text in content.get("texts", {}).items()]
    return tuple((name, _cut(text)) for name, text in inputs)


def _offer(option: Mapping[str, Json]) -> str:
    return f"{option['value']} {option.get('title') or ''}".strip()


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    assert isinstance(value, list | tuple), "an input is a text or documents"
    return "\n".join(
        _offer({**candidate, "value": candidate["id"]}) for candidate in value if isinstance(candidate, Mapping)
    )


def when(at: float) -> str:
    """A time as a history shows it, in UTC.

    >>> when(12.5), when(0)
    ('1970-01-01 00:00:12', 'no time given')
    """
    return f"{instant(at):%Y-%m-%d %H:%M:%S}" if at else "no time given"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… (cut: {len(text):,} characters)"


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
    if label.task == "verdict":
        return verdicts.in_a_line(label)
    marks = [name for name, is_set in (("unsure", label.unsure), ("odd", label.odd)) if is_set]
    words = in_words(label.answer, {})
    return f"{words} ({', '.join(marks)})" if marks else words
