"""Disagreements to settle: what is put before the person who settles, what becomes of it, and the consensus that
weighs people by care.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from stagegap.errors import ConfigurationError
from stagegap.metrics import Metric
from stagegap.model.answer import REASONS, Answer, Label, Reference, is_graded
from stagegap.model.cascade import Kind, OutputType
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.record import Json
from stagegap.people.agreement import ChanceCorrected, agreement, category, commonest
from stagegap.people.card import answer_from_values, guideline_hash
from stagegap.stats.raters import DawidSkene, dawid_skene
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
    by_votes = sorted(answers, key=lambda key: (-votes[key], category(answers[key].value)))
    first, second = (answers[key] for key in by_votes[:2])
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


_SIGNS = re.compile(r"^\s*(?:#+|[-*+]|>)\s+|\*\*|__|`|(?<!\w)\*(?=\w)|(?<=\w)\*(?!\w)")
"""Of headings, lists, quotations, strong and stressed words, and code."""


def guideline_lines(guideline: str) -> list[str]:
    """The lines of a guideline that can be cited, each once, without the signs of Markdown.

    >>> guideline_lines("# Queues\\n- **billing**: money\\n- when *in doubt*: `other`\\n- 2*3 or *.txt")
    ['Queues', 'billing: money', 'when in doubt: other', '2*3 or *.txt']
    """
    lines = (_SIGNS.sub("", line).strip() for line in guideline.splitlines())
    return list(dict.fromkeys(line for line in lines if line))


def settling_payload(disagreement: Disagreement, item: QueueItem, *, form: Mapping[str, Json]) -> dict[str, Json]:
    """What the one who settles sees: the inputs as in labelling, and the two answers without names, documents by their
    titles whether they were offered or searched for.
    """
    content: dict[str, Json] = json.loads(item.payload)
    options = content["options"]
    assert isinstance(options, dict), "a payload has its options by field"
    titles = {str(entry[0]): str(entry[1]) for entry in form.get("catalogue") or ()}  # type: ignore[union-attr, index]  # pairs
    titles |= {str(o["value"]): str(o.get("title", "")) for o in options.get("value", ()) if isinstance(o, Mapping)}  # type: ignore[union-attr]
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
            text = ", ".join(_entry(entry, titles) for entry in entries) or "none of these"
        case Mapping():
            text = json.dumps(answer.value, ensure_ascii=False)
        case value:
            text = str(value)
    facts = "; ".join(" | ".join(fact.wordings) for fact in answer.facts)
    return f"{text}\nmust contain: {facts}" if facts else text


def _entry(entry: Json, titles: Mapping[str, str]) -> str:
    name, worth = (str(entry["id"]), f" (gain {entry['gain']})") if is_graded(entry) else (str(entry), "")
    return f"{name} {titles.get(name, '')}".strip() + worth


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
        else f"of the way from what chance gives to full agreement, labellers go {figures.share(value.value)}"
    )
    return f"{coefficient.name} {figures.figure(value, figures.Unit.NUMBER)}: {meaning}."


def most_cited(settled: Sequence[Label]) -> list[tuple[str, int]]:
    """The guideline lines that adjudications in force rest on, the most cited first: what to write better."""
    return commonest(Counter(label.cites for label in settled if label.cites))[:5]


def reasons(settled: Sequence[Label]) -> list[tuple[str, int]]:
    """How often each reason was named, the most common first."""
    return commonest(Counter(label.reason for label in settled if label.reason))


Floats = NDArray[np.float64]
CATEGORIES = (Kind.LABEL, Kind.BOOLEAN)
FEWEST_RECORDS = 30
"""Records that several people labelled, below which nobody's care can be told."""
FEWEST_PEOPLE = 3
"""With two people who differ nothing says which of them is the careful one."""
MOST_LISTED = 50
MOST_CELLS = 200_000_000
"""Cells of every person's table at every record: what a round of the fit goes through, above which it takes minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """How often one person is right, by the model; no estimate of skill at anything else."""

    person: str
    labels: int
    """Records of the fit that this person labelled."""
    right: float
    """Mean chance that their answer is the right one; it rests on the model, so it has no interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differs:
    """A record where the majority and the weighed consensus are not the same."""

    record: str
    majority: str
    """What is held right, as words; several where they tie."""
    likely: str
    chance: float
    """Of `likely`, by the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """The weighed consensus of one stage."""

    n: int
    """Records that several people labelled."""
    people: tuple[Care, ...]
    differ: tuple[Differs, ...]
    """At most 50, the surest first."""
    count: int
    """Of all records where they differ; adjudicated ones are settled and left out."""
    problem: str
    """Why there is none; empty where there is one."""


def weighed(
    answers: Mapping[str, Mapping[str, Label]], references: Mapping[str, Reference], output: OutputType
) -> Weighed:
    """Fit who is careful from where people agree, and say which records that would settle otherwise.

    `answers` is person -> record -> label in force, `references` what is held right, by record. Needs categories,
    three people and 30 records that several of them labelled. A suggestion beside the references, never in them: a
    model of people must not decide what a system is held to.
    """
    if output.kind not in CATEGORIES:
        return _none("not measured: the answers are no categories")
    every = {record: _of(answers, record) for record in _records(answers)}
    given = {record: own for record, own in every.items() if len(own) > 1}
    names = sorted({person for own in given.values() for person in own})
    if len(given) < FEWEST_RECORDS or len(names) < FEWEST_PEOPLE:
        return _none(
            f"too few: {len(given)} of {FEWEST_RECORDS} records with several labels, {len(names)} of "
            f"{FEWEST_PEOPLE} labellers",
            n=len(given),
        )
    values = _values(given)
    if len(names) * len(given) * len(values) ** 2 > MOST_CELLS:
        return _none(f"not measured: {len(values):,} answers are too many to tell who is careful", n=len(given))
    counts = np.zeros((len(names), len(given), len(values)))
    for item, own in enumerate(given.values()):
        for person, label in own.items():
            counts[names.index(person), item, values.index(_value(label))] = 1
    fit = dawid_skene(counts)
    differ = _differences(list(given), values, fit, references)
    return Weighed(
        n=len(given),
        people=tuple(_care(name, counts[i], fit) for i, name in enumerate(names)),
        differ=tuple(sorted(differ, key=lambda difference: (-difference.chance, difference.record))[:MOST_LISTED]),
        count=len(differ),
        problem="",
    )


def _records(answers: Mapping[str, Mapping[str, Label]]) -> list[str]:
    return sorted({record for own in answers.values() for record in own})


def _of(answers: Mapping[str, Mapping[str, Label]], record: str) -> dict[str, Label]:
    return {person: labels[record] for person, labels in answers.items() if record in labels}


def _value(label: Label) -> Json:
    assert label.answer is not None, "a label in force has an answer"
    return label.answer.value


def _values(given: Mapping[str, Mapping[str, Label]]) -> list[Json]:
    values = dict.fromkeys(_value(label) for own in given.values() for label in own.values())
    return sorted(values, key=str)


def _care(person: str, counts: Floats, fit: DawidSkene) -> Care:
    labelled = int(counts.sum())
    return Care(person=person, labels=labelled, right=float((counts * fit.chances).sum()) / labelled)


def _differences(
    records: Sequence[str], values: Sequence[Json], fit: DawidSkene, references: Mapping[str, Reference]
) -> list[Differs]:
    differences: list[Differs] = []
    for item, record in enumerate(records):
        likely = int(np.argmax(fit.chances[item]))
        reference = references.get(record)
        if reference is None or reference.settled == "adjudicated":
            continue
        accepted = [answer.value for answer in reference.accepted]
        if accepted != [values[likely]]:
            majority = " or ".join(in_words(Answer(value=value), {}) for value in accepted)
            word = in_words(Answer(value=values[likely]), {})
            differences.append(
                Differs(record=record, majority=majority, likely=word, chance=float(fit.chances[item, likely]))
            )
    return differences


def _none(problem: str, *, n: int = 0) -> Weighed:
    return Weighed(n=n, people=(), differ=(), count=0, problem=problem)
