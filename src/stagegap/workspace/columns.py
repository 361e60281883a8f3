"""From stored rows to the columns that detectors read, leaks included."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path

# scikit-learn ships no types.
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.views import Scorecard
from stagegap.attribution.faults import BAR_SLACK
from stagegap.media import Damage, damage
from stagegap.metrics import CustomMetric, metric
from stagegap.model.cascade import WRITTEN, Cascade, Kind, Stage
from stagegap.model.curves import Training
from stagegap.model.media import FILES, media_of
from stagegap.model.run import Run
from stagegap.oddities.columns import (
    Earlier,
    Fields,
    FileColumns,
    Leaks,
    PeopleColumns,
    RunColumns,
    StageColumns,
    ranks,
)
from stagegap.oddities.format import language
from stagegap.oddities.leaks import near_copies, telling_hits
from stagegap.stats.spread import Clusters, clusters
from stagegap.store import PeopleTable, RunReader, SampledTexts, StageTable, Store, answers_of
from stagegap.workspace.run_facts import NO_TRIALS, Trials

Floats = NDArray[np.float64]
EACH_SIDE = 600
"""Texts of each kind that a classifier is asked to tell apart."""
FEWEST = 60


def leaks_of(reader: RunReader, cascade: Cascade, stages: dict[str, StageColumns], *, seed: int) -> Leaks | None:
    """Look at the splits that stages learn from, otherwise at all splits that are not evaluated; None without any."""
    trained = {s.name: str(s.parameters["train"]) for s in cascade.stages if s.parameters.get("train")}
    splits = sorted(set(trained.values())) or [split for split in reader.splits() if split != cascade.evaluate]
    names = sorted({s.name for stage in cascade.stages for s in stage.inputs.values() if s.origin == "record"})
    others = reader.others(splits) if splits and (trained or cascade.evaluate) else None
    if not names:
        return None
    holds = {s.name: reader.holding(s, _read(cascade, s.name)) for s in cascade.stages if s.output.kind in WRITTEN}
    telling = {
        (s.name, name): reader.shelf.put(telling_hits(codes, stages[s.name].reference))
        for s in cascade.stages
        if s.output.kind in (Kind.LABEL, Kind.BOOLEAN)
        for name, codes in reader.field_codes(_read(cascade, s.name)).items()
    }
    nothing = np.broadcast_to(np.nan, reader.n)
    if others is None or not others.count:
        return Leaks(split="", copies=nothing, shares_group=nothing, older=nothing, holds_answer=holds, telling=telling)
    ours, theirs = others.texts(names)
    near = others.exact_copies(names)
    sampled = near_copies(ours.texts, theirs.texts)
    at = np.array(ours.positions, dtype=np.int64)
    near[at] = np.maximum(near[at], sampled)
    score, kind, units = told_apart(ours, theirs, rng=np.random.default_rng(seed))
    return Leaks(
        split=" and ".join(splits),
        copies=near,
        shares_group=others.shared_groups(),
        older=others.older(),
        holds_answer=holds,
        telling=telling,
        trained=frozenset(trained),
        told_apart=score,
        is_scored=kind,
        apart_units=units,
    )


def _read(cascade: Cascade, stage: str) -> list[str]:
    return sorted({s.name for s in cascade.stage(stage).inputs.values() if s.origin == "record"})


def told_apart(
    ours: SampledTexts, theirs: SampledTexts, *, rng: np.random.Generator
) -> tuple[Floats, Floats, Clusters]:
    """Teach a classifier half of the clusters which texts are scored, and give what it says of the other half."""
    pairs = [(text, unit, 1.0) for text, unit in zip(ours.texts, ours.units, strict=True)][:EACH_SIDE]
    pairs += [(text, unit, 0.0) for text, unit in zip(theirs.texts, theirs.units, strict=True)][:EACH_SIDE]
    units = clusters(unit for _, unit, _ in pairs)
    kind = np.array([side for _, _, side in pairs])
    held_out = (rng.permutation(units.count) < units.count / 2)[units.codes]
    sides = [kind[held_out], kind[~held_out]]
    empty = np.zeros(0)
    if len(pairs) < FEWEST or any(not 0 < side.sum() < len(side) for side in sides):
        return empty, empty, Clusters(codes=np.zeros(0, dtype=np.int64), count=0)
    texts = [text for text, _, _ in pairs]
    vectorizer: Any = import_module("sklearn.feature_extraction.text").TfidfVectorizer(sublinear_tf=True)
    estimator: Any = import_module("sklearn.linear_model").LogisticRegression(max_iter=200)
    model: Any = import_module("sklearn.pipeline").make_pipeline(vectorizer, estimator)
    try:
        model.fit([text for text, out in zip(texts, held_out, strict=True) if not out], kind[~held_out])
    except ValueError:  # no word is left of any text
        return empty, empty, Clusters(codes=np.zeros(0, dtype=np.int64), count=0)
    score = np.asarray(model.decision_function([text for text, out in zip(texts, held_out, strict=True) if out]))
    _, codes = np.unique(units.codes[held_out], return_inverse=True)
    return score, kind[held_out], Clusters(codes=codes.astype(np.int64), count=int(codes.max()) + 1)


Bars = Mapping[str, float]
ARRAYS = tuple(
    field.name for field in fields(StageColumns) if field.name not in ("stage", "shapes", "answers", "reference")
)
"""Columns of a stage that are made for it alone."""
Hashes = NDArray[np.uint64]
MOST_OTHERS = 8
"""Other runs whose answers are looked at, the newest first."""
MOST_ROWS = 1_000_000
"""Outputs of other runs that are read at most."""


def run_columns(
    store: Store,
    run: Run,
    cascade: Cascade,
    *,
    card: Scorecard | None,
    earlier: Run | None,
    others: Sequence[Run] = (),
    custom: Mapping[str, CustomMetric],
    trials: Trials = NO_TRIALS,
    trainings: tuple[Training, ...] = (),
    media: Path | None = None,
) -> RunColumns:
    """Read a run, the one before it and others on its records; `media` is the folder of its files."""
    bars = {stage.name: bar_of(cascade, stage, custom) for stage in cascade.stages}
    settled = store.settled(cascade).fair
    with store.screening(run.id) as reader:
        known = reader.records()
        reader.labels(settled.values())
        references = {stage.name: reader.reference(stage) for stage in cascade.stages}
        stages = _stages(reader, cascade, bars, references, run=None)
        people = {stage.name: people_columns(reader.people(stage)) for stage in cascade.stages}
        flagged = {stage.name: reader.flagged(stage) for stage in cascade.stages}
        at = np.array(reader.positions(trials.records), dtype=np.int64)
        leaks = leaks_of(reader, cascade, stages, seed=run.seed)
        held = [name for name, kind in cascade.fields.items() if kind in FILES]
        files = [file_columns(reader, name, media) for name in held] if media is not None else []
        before = _earlier(reader, cascade, bars, references, stages, earlier) if earlier else None
        fields = _fields(reader, cascade, earlier) if earlier else (None, None)
        systems = [run_ for run_ in others if reader.n * len(cascade.stages) * len(others) <= MOST_ROWS][:MOST_OTHERS]
        more = [_stages(reader, cascade, bars, references, run=other.id) for other in systems]
    levels = ranks(known.difficulties)
    nothing = np.broadcast_to(np.nan, len(known.difficulty))
    return RunColumns(
        cascade=cascade,
        run=run.name,
        units=Clusters(codes=known.unit, count=int(known.unit.max(initial=-1)) + 1),
        difficulty=np.array([*levels, np.nan])[known.difficulty] if levels else nothing,
        difficulties=known.difficulties,
        groups=known.groups,
        stages=stages,
        people={name: own for name, own in people.items() if len(own.record) or len(own.changed)},
        flagged=flagged,
        earlier=before,
        others={name: differing(stages[name], [columns[name] for columns in more]) for name in cascade.names},
        fields=fields[0],
        fields_before=fields[1],
        leaks=leaks,
        curves=tuple(curve.placed(at, reader.n) for curve in trials.curves),
        trainings=trainings,
        ablations=tuple(ablation.placed(at, reader.n) for ablation in trials.ablations),
        files=tuple(files),
        rows=card.stages if card else (),
        seed=run.seed,
        release=reader.shelf.release,
    )


MOST_FILES = 2_000
"""Files of a field that are looked into, the first in the order of the records."""


def file_columns(reader: RunReader, field: str, root: Path) -> FileColumns:
    """What is known of the files in a field, and what is seen in the first of them."""
    numbers = {name: np.full(reader.n, np.nan) for name in ("width", "height", "blank", "cut")}
    digest = np.zeros(reader.n, dtype=np.uint64)
    values = ((position, media_of(json.loads(value))) for position, value in sorted(reader.files(field)))
    files = [(position, media) for position, media in values if media is not None]
    for place, (position, media) in enumerate(files):
        digest[position] = int(media.digest[:16], 16) or 1
        seen = damage(root, media) if place < MOST_FILES else Damage()
        facts = (media.width, media.height, seen.blank, seen.cut)
        for column, fact in zip(numbers.values(), facts, strict=True):
            column[position] = np.nan if fact is None else float(fact)
    return FileColumns(name=field, digest=digest, **numbers)


def bar_of(cascade: Cascade, stage: Stage, custom: Mapping[str, CustomMetric]) -> float:
    """The score from which an output is acceptable, as `evidence.stage_bar` does."""
    outcome, name = cascade.outcome, stage.metrics[0]
    if stage.name == outcome.stage and name == outcome.metric and outcome.good is not None:
        return outcome.good
    return metric(name, custom=custom.get(name)).bar


def _stages(
    reader: RunReader, cascade: Cascade, bars: Bars, references: Mapping[str, NDArray[np.int64]], *, run: str | None
) -> dict[str, StageColumns]:
    """Read all stages in their order, so that what a stage received is known from the values before it."""
    stages: dict[str, StageColumns] = {}
    for stage in cascade.stages:
        table = reader.stage(stage, run=run, with_texts=run is None)
        inputs = received(stage, table.numbers["given"], stages)
        foreign = foreign_texts(
            table, reader.reference_texts(stage, [at for at, _, _ in table.texts]) if table.texts else {}
        )
        columns = stage_columns(stage, table, inputs, bars[stage.name], references[stage.name], foreign)
        stages[stage.name] = replace(columns, **{name: reader.shelf.put(getattr(columns, name)) for name in ARRAYS})
        reader.shelf.release()
    return stages


def received(stage: Stage, given: Hashes, before: Mapping[str, StageColumns]) -> Hashes:
    """A hash of everything that a stage received: of the record, and of the stages before it."""
    mixed = given.astype(np.uint64)
    parts = [before[source.name].value for source in stage.inputs.values() if source.origin == "stage"]
    for part in parts:
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        mixed ^= part + np.uint64(0x7F4A7C15)
    return mixed if parts else given


def stage_columns(
    stage: Stage,
    table: StageTable,
    inputs: Hashes,
    bar: float,
    reference: NDArray[np.int64],
    foreign: NDArray[np.float64],
) -> StageColumns:
    """Put one stage's arrays into the form that detectors read."""
    numbers = table.numbers
    score = numbers["score"]
    is_scored = bool(len(score)) and not np.isnan(score).all()
    return StageColumns(
        stage=stage,
        status=numbers["status"],
        score=score,
        good=np.where(np.isnan(score), np.nan, (score >= bar - BAR_SLACK).astype(np.float64)) if is_scored else score,
        value=numbers["value"],
        inputs=np.where(numbers["status"] >= 0, inputs, np.uint64(0)),
        call=numbers["call"],
        confidence=numbers["confidence"],
        latency=numbers["latency"],
        cost=numbers["cost"],
        size=numbers["size"],
        shape=numbers["shape"],
        shapes=table.shapes,
        cut=numbers["cut"],
        doubled=numbers["doubled"],
        outside=numbers["outside"],
        foreign=foreign,
        unstable=numbers["unstable"],
        answer=numbers["answer"],
        reference=reference,
        answers=answers_of(stage),
    )


def foreign_texts(table: StageTable, people: Mapping[int, str]) -> NDArray[np.float64]:
    """1 where an answer is in another language than its input, though people did not answer in it; else 0.

    NaN where the language of either is not plain.
    """
    n = len(table.numbers["status"])
    foreign = np.full(n, np.nan) if table.texts else np.broadcast_to(np.nan, n)
    for position, answer, read in table.texts:
        spoken, heard = language(answer), language(read)
        if spoken and heard:
            foreign[position] = spoken != heard and spoken != language(people.get(position, ""))
    return foreign


def people_columns(table: PeopleTable) -> PeopleColumns:
    """Put one stage's labels into the form that detectors read."""
    return PeopleColumns(
        record=table.labels["position"].astype(np.int64),
        person=table.labels["person"].astype(np.int64),
        names=table.names,
        answer=table.labels["answer"],
        active_ms=table.labels["active_ms"],
        changed_record=table.changed["position"].astype(np.int64),
        changed_person=table.changed["person"].astype(np.int64),
        changed=table.changed["changed"],
    )


def _earlier(
    reader: RunReader,
    cascade: Cascade,
    bars: Bars,
    references: Mapping[str, NDArray[np.int64]],
    now: Mapping[str, StageColumns],
    run: Run,
) -> Earlier:
    then = _stages(reader, cascade, bars, references, run=run.id)
    return Earlier(
        run=run.name,
        stages=then,
        unchanged=frozenset(name for name in cascade.names if is_unchanged(now[name], then[name])),
        shared=reader.shared(run.id),
    )


def is_unchanged(now: StageColumns, then: StageColumns) -> bool:
    """Say whether a stage was the same: equal inputs made equal keys of calls, on every record."""
    same = (now.inputs == then.inputs) & (now.inputs != 0) & (now.call != 0) & (then.call != 0)
    return bool(same.any()) and bool((now.call[same] == then.call[same]).all())


def differing(own: StageColumns, others: Sequence[StageColumns]) -> list[StageColumns]:
    """Keep systems that answered differently somewhere, this one first: the same system twice is no second opinion."""
    distinct: list[StageColumns] = []
    for columns in (own, *others):
        if (columns.value != 0).any() and all((columns.value != other.value).any() for other in distinct):
            distinct.append(columns)
    return distinct


def _fields(reader: RunReader, cascade: Cascade, earlier: Run) -> tuple[Fields | None, Fields | None]:
    names = sorted({s.name for stage in cascade.stages for s in stage.inputs.values() if s.origin == "record"})
    if not names:
        return None, None
    pair = reader.field_sizes(names, against=earlier.id)
    both = [
        Fields(
            names=tuple(names),
            size={name: part[name] for name in names},
            unit=dict.fromkeys(names, part["unit"]),
        )
        for part in pair
        if len(part["unit"])
    ]
    return (both[0], both[1]) if len(both) == 2 else (None, None)
