"""Judging answers: two answers to one input side by side, names hidden, rated or preferred, and what ratings say
of the system.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from stagegap.errors import ConfigurationError
from stagegap.model.answer import Answer, Label, Output, Rating, Status
from stagegap.model.estimate import Bounds, Estimate
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.record import Json, Record
from stagegap.model.run import Run
from stagegap.model.wording import counted
from stagegap.people.disagreements import digest, in_words
from stagegap.people.references import latest
from stagegap.stats.agreement import alpha_bootstrap
from stagegap.stats.resample import RESAMPLES, Resamples, resample
from stagegap.stats.spread import Clusters, clusters
from stagegap.tables import figures
from stagegap.tables.figures import Unit

Floats = NDArray[np.float64]

AGREEMENT_RESAMPLES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedGap:
    """A system's answers against a person's by one criterion, on the scale of the ratings."""

    system_name: str
    criterion: str
    raters: float
    """Mean number of ratings of an answer."""
    agreement: Estimate
    """Krippendorff's alpha (interval scale) of the ratings of the person's and the system's answers."""
    person: Estimate
    """Mean over all records whose human answer is rated; an answer's rating is the mean of its raters."""
    system: Estimate
    """Mean over the records that have ratings of both."""
    gap: Estimate
    """person minus system on those records, paired."""
    bounds: Bounds
    """The gap over all records of `person`: `worst` counts each unrated answer of the system as the best rating that
    occurs, `best` as the worst one (the words are those of the gap: worst is the smallest)."""
    sentence: str


def rated_gap(
    ratings: Sequence[Rating],
    records: Sequence[Record],
    *,
    system: str,
    person: str,
    criterion: str,
    scale: tuple[float, float],
    noun: str = "record",
    seed: int,
    resamples: int = RESAMPLES,
) -> RatedGap:
    """Compare the ratings of a system's answers with those of a person's.

    `scale` holds the lowest and the highest rating that could be given. An answer that was not rated because the
    system gave none is not filled in: the gap is computed where both are rated, and bounded over all records.
    """
    chosen = [rating for rating in ratings if rating.criterion == criterion and rating.system in (system, person)]
    groups = clusters(record.unit for record in records)
    given = {name: rating_table([r for r in chosen if r.system == name], records) for name in (person, system)}
    human, machine = rating_means(given[person]), rating_means(given[system])
    unknown = np.isnan(machine) & ~np.isnan(human)
    both = np.isnan(human) | np.isnan(machine)
    columns = {
        "person": human,
        "person, both": np.where(both, math.nan, human),
        "system, both": np.where(both, math.nan, machine),
        "lowest": _filled(human, machine, unknown, scale[0]),
        "highest": _filled(human, machine, unknown, scale[1]),
    }
    drawn = resample(columns, groups, rng=np.random.default_rng(seed), resamples=resamples)
    gap = drawn.difference("person, both", "system, both")
    bounds = Bounds(
        worst=drawn.difference("person", "highest"),
        best=drawn.difference("person", "lowest"),
        unknown=int(unknown.sum()),
    )
    return RatedGap(
        system_name=system,
        criterion=criterion,
        raters=len(chosen) / max(1, len({(rating.system, rating.record) for rating in chosen})),
        agreement=_agreement(given[person], given[system], groups, rng=np.random.default_rng(seed)),
        person=drawn.mean("person"),
        system=drawn.mean("system, both"),
        gap=gap,
        bounds=bounds,
        sentence=_sentence(drawn, gap, bounds, noun=noun),
    )


def _filled(human: Floats, machine: Floats, unknown: NDArray[np.bool_], value: float) -> Floats:
    """The system's ratings on the records of the person's, with the same number for each unknown one."""
    return np.where(np.isnan(human), math.nan, np.where(unknown, value, machine))


def rating_table(ratings: Sequence[Rating], records: Sequence[Record]) -> Floats:
    """Raters x records, NaN where a rater did not rate."""
    places = {record.id: place for place, record in enumerate(records)}
    raters = {name: row for row, name in enumerate(sorted({rating.rater for rating in ratings}))}
    table = np.full((len(raters), len(records)), math.nan)
    for rating in ratings:
        if rating.record in places:
            table[raters[rating.rater], places[rating.record]] = rating.value
    return table


def rating_means(table: Floats) -> Floats:
    """The mean rating of each answer, NaN where nobody rated it."""
    known = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        return np.where(known, table, 0.0).sum(axis=0) / known.sum(axis=0)


def rating_shares(
    ratings: Sequence[Rating], *, system: str, criterion: str, scale: tuple[float, float]
) -> dict[str, float]:
    """The mean rating of each record's answer by one criterion, as a share of the scale from its lower end."""
    low, high = scale
    given: dict[str, list[float]] = {}
    for rating in ratings:
        if rating.system == system and rating.criterion == criterion:
            given.setdefault(rating.record, []).append(rating.value)
    return {record: (math.fsum(values) / len(values) - low) / (high - low) for record, values in given.items()}


def rated_scores(
    records: Sequence[Record],
    ratings: Mapping[str, float],
    rated: Mapping[str, Output],
    outputs: Mapping[str, Output],
) -> Floats:
    """One number a record: how its output was rated, NaN where it was not or infrastructure took it away.

    All NaN where a rated record has another output than the one that was `rated`: the records that kept theirs are no
    fair sample, of them alone every change would be 0.
    """

    def ending(record: str, of: Mapping[str, Output]) -> object:
        output = of.get(record)
        return output and (output.status, output.because, output.value)

    def score_at(record: str) -> float:
        output = outputs.get(record)
        is_lost = output is None or Status.INFRASTRUCTURE in (output.status, output.because)
        return math.nan if is_lost else ratings.get(record, math.nan)

    ids = [record.id for record in records]
    is_whole = outputs is rated or all(ending(name, rated) == ending(name, outputs) for name in ids if name in ratings)
    return np.array([score_at(name) if is_whole else math.nan for name in ids], dtype=np.float64)


def _agreement(a: Floats, b: Floats, groups: Clusters, *, rng: np.random.Generator) -> Estimate:
    """Alpha over the answers of both, those of one record being resampled together."""
    rows = max(len(a), len(b))
    padded = [np.vstack([table, np.full((rows - len(table), table.shape[1]), math.nan)]) for table in (a, b)]
    ratings = np.hstack(padded)
    rated = ~np.isnan(ratings).all(axis=0)
    codes = np.concatenate([groups.codes, groups.codes])
    return alpha_bootstrap(ratings[:, rated], codes[rated], scale="interval", rng=rng, resamples=AGREEMENT_RESAMPLES)


def _sentence(drawn: Resamples, gap: Estimate, bounds: Bounds, *, noun: str) -> str:
    if not gap.is_measured:
        return f"The gap is {gap.method}."
    lean = {True: "labellers are rated higher", False: "labellers are rated lower"}[gap.value > 0]
    start = (
        f"Labeller minus system is {figures.number(gap.value)} ({figures.interval(gap, Unit.NUMBER)}) on the "
        f"{counted(gap.n, noun)} with ratings of both: {lean if gap.excludes_zero else 'no difference can be told'}."
    )
    if not bounds.unknown:
        return start
    return (
        f"{start} On {counted(bounds.unknown, noun)} the system gave no answer to rate: over all "
        f"{int((~np.isnan(drawn.columns['person'])).sum()):,} the gap lies between "
        f"{figures.number(bounds.worst.value)} (each of them rated best) and {figures.number(bounds.best.value)} "
        f"(each rated worst), with 95% intervals from "
        f"{figures.between(bounds.worst.low, bounds.best.high, Unit.NUMBER)}."
    )


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
    """Each judge's last word on each record by each criterion: nothing after a skip or an undo."""
    last: dict[tuple[str, str, str], dict[str, Label]] = {}
    for label in sorted(judgements, key=lambda label: label.at):
        own = last.setdefault((label.queue, label.record, label.annotator), {})
        if label.action == "label" and label.answer is not None and label.answer.value is not None:
            own[_criterion(label)] = label
        else:
            own.clear()
    return [label for own in last.values() for label in own.values()]


def without_queue(
    judgements: Iterable[Label], queues: Collection[str], others: Iterable[Run]
) -> dict[Judging, list[Label]]:
    """The judgements of a file that names no queue of ours, by how they were made.

    Those of the `others`, by name or id, are left out; a judgement that names no run, or one that is not here, is
    taken to be of the run that is looked at. Ratings of 0 and 1 alone are preferences.
    """
    elsewhere = {name for run in others for name in (run.id, run.name)}
    foreign = [label for label in judgements if label.queue not in queues and label.run not in elsewhere]
    given: dict[str, list[Label]] = {}
    for label in judgements_in_force(foreign):
        given.setdefault(_criterion(label), []).append(label)
    by_judging: dict[Judging, list[Label]] = {}
    for criterion, labels in given.items():
        are_preferences = all(set(ratings_of(label).values()) <= {0, 1} for label in labels)
        by_judging[Judging(mode="prefer" if are_preferences else "rate", criterion=criterion)] = labels
    return by_judging


def _criterion(label: Label) -> str:
    assert label.answer is not None, "a judgement in force has an answer"
    return str(cast("Mapping[str, Json]", label.answer.value).get("criterion") or "quality")


def judged_gap(
    judgements: Sequence[Label], records: Sequence[Record], judging: Judging, *, noun: str, seed: int
) -> RatedGap | None:
    """Compare how the system's and people's answers were judged, paired by record; None where no person's was."""
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
    if not any(rating.system == PERSON for rating in ratings):
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
