"""Disagreements to settle: what is put before the person who settles, and what becomes of the decision."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from stagegap.analysis.chance import ChanceCorrected
from stagegap.analysis.people import agreement
from stagegap.analysis.worklist import answer_from_values, guideline_hash
from stagegap.errors import ConfigurationError
from stagegap.metrics import Metric
from stagegap.model.answer import REASONS, Answer, Label
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.values import Json
from stagegap.tables import figures

NEITHER = "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """Two different answers of people to one record, on sides that say nothing about who gave them."""

    record: str
    a: Answer
    b: Answer
    others: int
    """Further different answers, given by fewer people."""
    targeted: bool
    """True when every label was made in a hunt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An adjudication in force, as a list names it: not what was decided, which not everybody may see."""

    record: str
    who: str
    verified: bool
    at: float
    """Seconds since 1970, UTC."""
    reason: str


def decisions(settled: Sequence[Label]) -> tuple[Decision, ...]:
    """List adjudications in force, newest first."""
    return tuple(
        Decision(record=label.record, who=label.annotator, verified=label.verified, at=label.at, reason=label.reason)
        for label in sorted(settled, key=lambda label: label.at, reverse=True)
    )


def disagreement(labels: Sequence[Label], by: Metric) -> Disagreement | None:
    """The disagreement of the labels in force of one record; None where people agree by the stage's metric.

    Where the metric can't compare two answers they differ when they are not the same. The two answers that most people
    gave stand against each other.
    """
    votes: Counter[str] = Counter()
    answers: dict[str, Answer] = {}
    for label in labels:
        if label.answer is not None:
            votes[digest(label.answer)] += 1
            answers[digest(label.answer)] = label.answer
    alike = agreement(labels, by)
    if len(answers) < 2 or (not math.isnan(alike) and alike >= 1):
        return None
    record = labels[0].record
    first, second = (answers[key] for key, _ in votes.most_common(2))
    if sha256(record.encode("utf-8", "surrogatepass")).digest()[0] % 2:
        first, second = second, first
    return Disagreement(
        record=record, a=first, b=second, others=len(answers) - 2, targeted=all(label.targeted for label in labels)
    )


def digest(answer: Answer) -> str:
    """A name of an answer that says nothing about who gave it: 16 hex digits."""
    text = json.dumps([answer.value, [fact.wordings for fact in answer.facts]], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:16]


def settling_form(form: Mapping[str, Json], guideline: str) -> dict[str, Json]:
    """The form of the one who settles: which answer is right, their own where neither is, why, and by which line.

    Keys 1 to 4 are A, B, both and neither.
    """
    fields = form["fields"]
    assert isinstance(fields, list), "a form has a list of fields"
    own: list[Json] = [
        {**field, "when": {"field": "verdict", "is": NEITHER}} for field in fields if isinstance(field, Mapping)
    ]
    reasons: list[Json] = [{"value": reason} for reason in REASONS]
    lines: list[Json] = [{"value": line} for line in guideline_lines(guideline)]
    cites: list[Json] = (
        [{"name": "cites", "kind": "list", "label": "Which line of the guideline decides?", "options": lines}]
        if lines
        else []
    )
    return {
        **form,
        "fields": [
            {"name": "verdict", "kind": "choice", "label": "Which answer is right?", "required": True, "wide": True},
            *own,
            {"name": "reason", "kind": "choice", "label": "Why did they differ?", "options": reasons},
            *cites,
        ],
    }


def guideline_lines(guideline: str) -> list[str]:
    """The lines of a guideline that can be cited, each once."""
    return list(dict.fromkeys(line.strip() for line in guideline.splitlines() if line.strip()))


def settling_payload(disagreement: Disagreement, item: QueueItem) -> dict[str, Json]:
    """What the one who settles sees: the inputs as in labelling, and the two answers without names."""
    content: dict[str, Json] = json.loads(item.payload)
    options = content["options"]
    assert isinstance(options, dict), "a payload has its options by field"
    titles = {str(o["value"]): str(o.get("title", "")) for o in options.get("value", ()) if isinstance(o, Mapping)}  # type: ignore[union-attr]
    a, b = digest(disagreement.a), digest(disagreement.b)
    verdict: list[Json] = [
        {"value": a, "text": f"A:  {in_words(disagreement.a, titles)}"},
        {"value": b, "text": f"B:  {in_words(disagreement.b, titles)}"},
        {"value": f"{a} {b}", "text": "Both are fine"},
        {"value": NEITHER, "text": "Neither: write it"},
    ]
    return {**content, "options": {**options, "verdict": verdict}}


def in_words(answer: Answer, titles: Mapping[str, str]) -> str:
    """An answer as a person reads it."""
    match answer.value:
        case None:
            text = "no answer is the right one"
        case bool(value):
            text = "yes" if value else "no"
        case list(entries):
            text = ", ".join(f"{entry} {titles.get(str(entry), '')}".strip() for entry in entries) or "none of these"
        case Mapping():
            text = json.dumps(answer.value, ensure_ascii=False)
        case value:
            text = str(value)
    facts = "; ".join(" | ".join(fact.wordings) for fact in answer.facts)
    return f"{text}\nmust contain: {facts}" if facts else text


def adjudication(
    event: Mapping[str, Json],
    labels: Sequence[Label],
    queue: Queue,
    item: QueueItem,
    *,
    annotator: str,
    at: float,
    verified: bool,
) -> Label:
    """The label that settles a record from the card's event and the labels in force there.

    Raises: ConfigurationError for an event that the form can't have made, or an answer that nobody has given.
    """
    values = event.get("values")
    if not isinstance(values, Mapping) or not isinstance(event.get("id"), str):
        raise ConfigurationError("The card sent a decision that can't be stored: it has no values.")
    verdict, reason, cites = (str(values.get(name) or "") for name in ("verdict", "reason", "cites"))
    if reason and reason not in REASONS:
        raise ConfigurationError(f"The card sent a decision that can't be stored: {reason!r} is no reason.")
    answers = {digest(label.answer): label.answer for label in labels if label.answer is not None}
    if verdict == NEITHER:
        accepted = [answer_from_values(queue, item, values)]
    else:
        accepted = [answers[key] for key in verdict.split() if key in answers]
        if not accepted or len(accepted) < len(verdict.split()):
            raise ConfigurationError(
                f"The answers to {item.record!r} were changed while they were settled. Open the record again."
            )
    active = event.get("active_ms")
    return Label(
        id=str(event["id"]),
        record=item.record,
        stage=queue.stage,
        annotator=annotator,
        answer=accepted[0],
        also=tuple(accepted[1:]),
        action="adjudicate",
        at=at,
        active_ms=int(active) if isinstance(active, int) and active >= 0 else None,
        unsure=event.get("unsure") is True,
        odd=event.get("odd") is True,
        note=str(event.get("note") or ""),
        guideline=guideline_hash(queue.guideline),
        form=str(json.loads(queue.form)["hash"]),
        seen=sha256(item.payload.encode("utf-8", "surrogatepass")).hexdigest()[:16],
        queue=queue.id,
        probability=item.probability,
        verified=verified,
        targeted=all(label.targeted for label in labels),
        run=queue.run,
        reason=reason,
        cites=cites if cites in guideline_lines(queue.guideline) else "",
    )


def beyond_chance(coefficient: ChanceCorrected) -> str:
    """Say what a coefficient means in one plain sentence."""
    value = coefficient.value
    if not value.is_measured:
        return ""
    meaning = (
        "no more than chance gives"
        if value.value <= 0
        else f"of the way from what chance gives to full agreement, people go {figures.share(value.value)}"
    )
    return f"{coefficient.name} {figures.figure(value, figures.Unit.NUMBER)}: {meaning}."


def most_cited(settled: Sequence[Label]) -> list[tuple[str, int]]:
    """The guideline lines that adjudications in force rest on, the most cited first: what to write better."""
    return Counter(label.cites for label in settled if label.cites).most_common(5)


def reasons(settled: Sequence[Label]) -> list[tuple[str, int]]:
    """How often each reason was named, the most common first."""
    return Counter(label.reason for label in settled if label.reason).most_common()
