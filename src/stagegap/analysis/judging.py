"""Judging answers: two answers to one input side by side, names hidden, rated or preferred.

One is the system's and one is a person's; which side is which is drawn from the record's id and stands sealed in the
item, which no browser gets. What the judges say becomes ratings, and these a paired gap (`rated`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Literal, cast

from stagegap.analysis.rated import RatedGap, rated_gap
from stagegap.analysis.references import latest
from stagegap.analysis.settling import digest, in_words
from stagegap.errors import ConfigurationError
from stagegap.model.answer import Answer, Label
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.rating import Rating
from stagegap.model.record import Record
from stagegap.model.values import Json

Mode = Literal["rate", "prefer"]
SYSTEM, PERSON = "system", "person"
SIDES = ("a", "b")
SCALE: Mapping[int, str] = {1: "bad", 2: "poor", 3: "usable", 4: "good", 5: "very good"}
"""Points of a rating."""
VERDICTS: Mapping[str, tuple[int, int]] = {"a": (1, 0), "b": (0, 1), "both": (1, 1), "neither": (0, 0)}
"""What a preference says of A and B: 1 is good, 0 is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What is judged, and how."""

    mode: Mode
    criterion: str
    """What counts, as the judges read it: `quality`, `politeness`."""

    def __post_init__(self) -> None:
        if not self.criterion.strip():
            raise ConfigurationError("Judging needs a criterion: say what counts, as quality.")

    def __str__(self) -> str:
        return f"{self.mode} by {self.criterion}"

    @property
    def scale(self) -> tuple[float, float]:
        """The lowest and the highest rating that can be given."""
        return (min(SCALE), max(SCALE)) if self.mode == "rate" else (0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The two answers to judge at a record."""

    system: Answer
    person: Answer
    author: str
    """Who gave the person's answer: they are not asked to judge it."""


def pairs(labels: Iterable[Label], answers: Mapping[str, Json], stage: str) -> dict[str, Pair]:
    """The records that both the system and somebody answered; of several people, one drawn by the record's id."""
    pairs: dict[str, Pair] = {}
    for (record, at), people in latest(labels).items():
        spoken = sorted(
            name for name, label in people.items() if label.answer is not None and label.answer.value is not None
        )
        if at == stage and spoken and answers.get(record) is not None:
            author = spoken[_draw(f"author {record}") % len(spoken)]
            answer = people[author].answer
            assert answer is not None, "who has spoken has an answer"
            pairs[record] = Pair(system=Answer(value=answers[record]), person=Answer(value=answer.value), author=author)
    return pairs


def judging_form(form: Mapping[str, Json], judging: Judging) -> dict[str, Json]:
    """The judge's form: an answer each to rate, or one to prefer. The criterion stands in the question."""
    if judging.mode == "rate":
        points: list[Json] = [{"value": point, "help": text} for point, text in SCALE.items()]
        fields: list[Json] = [
            {
                "name": side,
                "kind": "choice",
                "label": f"How good is {side.upper()}?",
                "required": True,
                "options": points,
            }
            for side in SIDES
        ]
    else:
        fields = [{"name": "verdict", "kind": "choice", "label": "Which is better?", "required": True, "wide": True}]
    question = f"Judge these answers by {judging.criterion}: {form['question']}"
    parts = json.dumps([judging.mode, judging.criterion])
    return {
        "question": question,
        "hash": sha256(parts.encode()).hexdigest()[:16],
        "fields": fields,
        "catalogue": [],
        "judge": judging.mode,
        "criterion": judging.criterion,
    }


def judging_item(item: QueueItem, pair: Pair, judging: Judging) -> QueueItem:
    """Put the two answers into an item, on sides that say nothing, and seal who gave which."""
    content: dict[str, Json] = json.loads(item.payload)
    options = cast("dict[str, Any]", content["options"])
    titles = {str(option["value"]): str(option.get("title", "")) for option in options.get("value", ())}
    sources = (SYSTEM, PERSON) if _draw(f"side {item.record}") % 2 else (PERSON, SYSTEM)
    given = {SYSTEM: pair.system, PERSON: pair.person}
    a, b = (in_words(given[source], titles) for source in sources)
    if judging.mode == "rate":
        body: dict[str, Json] = {"options": {}, "texts": {"a": a, "b": b}}
    else:
        verdicts: list[Json] = [
            {"value": "a", "text": f"A:  {a}"},
            {"value": "b", "text": f"B:  {b}"},
            {"value": "both", "text": "Both are good"},
            {"value": "neither", "text": "Neither is good"},
        ]
        body = {"options": {"verdict": verdicts}}
    answers = [digest(Answer(value=answer.value)) for answer in (pair.system, pair.person)]
    sealed = json.dumps({"a": sources[0], "b": sources[1], "author": pair.author, "answers": answers})
    payload = json.dumps({"id": item.record, "inputs": content["inputs"], **body}, ensure_ascii=False)
    return replace(item, payload=payload, sealed=sealed)


def judging_of(queue: Queue) -> Judging:
    """How the answers of a queue are judged."""
    form = json.loads(queue.form)
    return Judging(mode=form["judge"], criterion=form["criterion"])


def judged_answer(queue: Queue, item: QueueItem, values: Json) -> Answer:
    """What the values of the form say of the two answers, with the sources in place of the sides.

    Raises: ConfigurationError for values that the queue's form can't have made.
    """
    form, sides = _opened(queue, item)
    given = _given(form["judge"], values)
    ratings: dict[str, Json] = {sides[side]: given[side] for side in SIDES}
    return Answer(value={"criterion": form["criterion"], "ratings": ratings})


def _given(mode: str, values: Json) -> dict[str, int]:
    given: Mapping[str, Json] = values if isinstance(values, Mapping) else {}
    if mode == "rate":
        points = {side: given.get(side) for side in SIDES}
        if all(type(point) is int and point in SCALE for point in points.values()):
            return cast("dict[str, int]", points)
    elif given.get("verdict") in VERDICTS:
        return dict(zip(SIDES, VERDICTS[str(given["verdict"])], strict=True))
    raise ConfigurationError(f"The card sent a judgement that can't be stored: {values!r} is no answer of the form.")


def values_of_judgement(label: Label, queue: Queue, item: QueueItem) -> dict[str, Json]:
    """The values that the form shows again: the reverse of `judgement`."""
    values: dict[str, Json] = {"_unsure": label.unsure, "_odd": label.odd, "_note": label.note}
    if label.answer is None:
        return values
    form, sides = _opened(queue, item)
    ratings = ratings_of(label)
    points = {side: int(ratings[sides[side]]) for side in SIDES}
    if form["judge"] == "rate":
        return values | points
    return values | {"verdict": next(name for name, pair in VERDICTS.items() if pair == (points["a"], points["b"]))}


def _opened(queue: Queue, item: QueueItem) -> tuple[dict[str, str], dict[str, str]]:
    return json.loads(queue.form), json.loads(item.sealed)


def ratings_of(label: Label) -> Mapping[str, float]:
    """What a judgement in force says of each source."""
    assert label.answer is not None, "a judgement in force has an answer"
    return cast("Mapping[str, Mapping[str, float]]", label.answer.value)["ratings"]


def judgements_in_force(judgements: Iterable[Label]) -> list[Label]:
    """Each judge's last word on each record: nothing after a skip or an undo."""
    last: dict[tuple[str, str, str], Label] = {}
    for label in sorted(judgements, key=lambda label: label.at):
        last[label.queue, label.record, label.annotator] = label
    return [label for label in last.values() if label.action == "label" and label.answer is not None]


def judged_gap(
    judgements: Sequence[Label], records: Sequence[Record], judging: Judging, *, noun: str, seed: int
) -> RatedGap | None:
    """Compare how the system's and people's answers were judged, paired by record; None without a judgement."""
    in_force = judgements_in_force(judgements)
    ratings = [
        Rating(
            system=source,
            record=judgement.record,
            criterion=judging.criterion,
            rater=judgement.annotator,
            value=float(value),
        )
        for judgement in in_force
        for source, value in ratings_of(judgement).items()
    ]
    if not ratings:
        return None
    return rated_gap(
        ratings,
        records,
        system=SYSTEM,
        person=PERSON,
        criterion=judging.criterion,
        scale=judging.scale,
        noun=noun,
        seed=seed,
    )


def _draw(text: str) -> int:
    """A number that a text determines and that nothing can be told from."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()[0]
