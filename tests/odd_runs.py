"""Simulated runs in which nothing is odd, and one oddity planted at a time, of a stated size.

A cascade of three stages (route: label, find: ranking, draft: text), records of three given difficulties, a latent
hardness that makes the system less sure and less often right and people slower and less often of one mind. Confidence
is calibrated: it is the chance of being right. Records may hang together in clusters that share their luck.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stagegap.analysis.views import StageRow
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.oddities.columns import (
    Ablation,
    Earlier,
    Fields,
    FileColumns,
    Floats,
    Leaks,
    LearningCurve,
    PeopleColumns,
    RunColumns,
    StageColumns,
)
from stagegap.stats.agreement import alpha_bootstrap
from stagegap.stats.intervals import paired_difference, wilson
from stagegap.stats.spread import Clusters

LABELS = ("orders", "returns", "other")
N = 300


def cascade() -> Cascade:
    text = Source("record", "text")
    return Cascade(
        name="odd",
        noun="mail",
        stages=(
            Stage(name="route", uses="python", inputs={"text": text}, metrics=("accuracy",),
                  output=OutputType(kind=Kind.LABEL, values=LABELS)),
            Stage(name="find", uses="python", inputs={"text": text, "to": Source("stage", "route")},
                  metrics=("recall@3",), output=OutputType(kind=Kind.RANKING, of="docs", k=3)),
            Stage(name="draft", uses="python", inputs={"text": text, "found": Source("stage", "find")},
                  metrics=("fact_recall",), output=OutputType(kind=Kind.TEXT)),
        ),
        outcome=Outcome(stage="draft", metric="fact_recall", good=0.8),
    )  # fmt: skip


def clean(rng: np.random.Generator, n: int = N, *, per_cluster: int = 1) -> RunColumns:
    made = cascade()
    units = np.arange(n) // per_cluster
    count = int(units.max()) + 1
    shared = rng.random(count)[units]
    hard = np.where(rng.random(n) < 0.5, shared, rng.random(n)) if per_cluster > 1 else rng.random(n)
    given = np.clip(np.floor(3 * np.clip(hard + rng.normal(0, 0.2, n), 0, 0.999)), 0, 2)
    inputs = np.ones(n)
    stages: dict[str, StageColumns] = {}
    for stage, skill in zip(made.stages, (0.95, 0.9, 0.92), strict=True):
        chance = np.where(inputs == 1, skill - 0.25 * hard, 0.01)
        good = (rng.random(n) < chance).astype(float)
        stages[stage.name] = stage_of(stage, good, chance, rng)
        inputs = inputs * good
    people = {name: people_of(hard, rng, n) for name in ("route", "draft")}
    again = {name: rerun(one, rng) for name, one in stages.items()}
    return RunColumns(
        cascade=made,
        run="v2",
        units=Clusters(codes=units, count=count),
        difficulty=given,
        difficulties=("easy", "hard", "medium"),
        groups={"channel: web": np.arange(0, n, 2), "channel: shop": np.arange(1, n, 2)},
        stages=stages,
        people=people,
        flagged={name: np.where(np.arange(n) < n // 2, 0.0, np.nan) for name in people},
        earlier=Earlier(run="v1", stages=again, unchanged=frozenset(stages), shared=n),
        others={name: [one, other(one, rng), other(one, rng)] for name, one in stages.items()},
        fields=fields(rng, 100, 0),
        fields_before=fields(rng, 100, 100),
        leaks=leaks(rng, n),
        files=(file_columns(n),),
        curves=(curve(rng, n),),
        ablations=(ablation(rng, n, better=0.03, worse=0.15),),
        rows=tuple(row(stage.name, rng, people=people.get(stage.name)) for stage in made.stages),
        seed=int(rng.integers(1 << 30)),
    )


def file_columns(n: int) -> FileColumns:
    """A picture for each record, upright, of one size."""
    whole = np.zeros(n)
    return FileColumns(
        name="photo", digest=np.arange(1, n + 1, dtype=np.uint64), width=whole + 600, height=whole + 800, blank=whole,
        cut=whole,
    )  # fmt: skip


def stage_of(stage: Stage, good: Floats, chance: Floats, rng: np.random.Generator) -> StageColumns:
    n = len(good)
    kind = stage.output.kind
    reference = rng.choice(3, n, p=[0.4, 0.35, 0.25])
    answer = np.where(good == 1, reference, (reference + 1) % 3)
    is_label, is_text = kind is Kind.LABEL, kind is Kind.TEXT
    nothing = np.full(n, -1)
    inputs = rng.integers(1, 1 << 62, n).astype(np.uint64)
    inputs[1::10] = inputs[0::10][: len(inputs[1::10])]
    value = rng.integers(1, 1 << 62, n).astype(np.uint64)
    value[1::10] = value[0::10][: len(value[1::10])]
    return StageColumns(
        stage=stage,
        status=np.zeros(n, dtype=np.int64),
        score=good,
        good=good,
        value=value,
        inputs=inputs,
        call=inputs,
        confidence=chance,
        latency=rng.lognormal(4, 0.5, n),
        cost=rng.lognormal(-6, 0.3, n),
        size=np.maximum(20, rng.normal(200, 40, n)) if is_text else np.full(n, np.nan),
        shape=np.zeros(n, dtype=np.int64),
        shapes=("plain text",),
        cut=np.zeros(n) if is_text else np.full(n, np.nan),
        doubled=np.zeros(n) if kind is Kind.RANKING else np.full(n, np.nan),
        outside=np.zeros(n) if is_label else np.full(n, np.nan),
        foreign=(rng.random(n) < 0.005).astype(float) if is_text else np.full(n, np.nan),
        unstable=(rng.random(n) < 0.02).astype(float),
        answer=answer if is_label else nothing,
        reference=reference if is_label else nothing,
        answers=LABELS if is_label else (),
    )


def rerun(stage: StageColumns, rng: np.random.Generator) -> StageColumns:
    """The same settings again: some right answers got lost, as many wrong ones mended."""
    again = (rng.random(len(stage.good)) < stage.confidence).astype(float)
    moved = rng.random(len(stage.good)) < 0.3
    good = np.where(moved, again, stage.good)
    value = np.where(good == stage.good, stage.value, rng.integers(1, 1 << 62, len(good)).astype(np.uint64))
    return replace(stage, good=good, score=good, value=value, call=stage.call + np.uint64(1))


def other(stage: StageColumns, rng: np.random.Generator) -> StageColumns:
    """Another system: as good, errs on the same hard records, and has two wrong answers to choose from."""
    good = (rng.random(len(stage.good)) < stage.confidence).astype(float)
    wrong = stage.value + rng.integers(1, 3, len(good)).astype(np.uint64)
    return replace(stage, good=good, score=good, value=np.where(good == 1, stage.value, wrong))


def people_of(hard: Floats, rng: np.random.Generator, n: int) -> PeopleColumns:
    """Three people answer the first half of the records; a quarter of them one person answered twice."""
    records = np.repeat(np.arange(n // 2), 3)
    persons = np.tile(np.arange(3), n // 2)
    slip = rng.random(len(records)) < 0.02 + 0.15 * hard[records]
    pace = np.array([8_000, 12_000, 20_000])[persons]
    again = np.arange(0, n // 2, 4)
    return PeopleColumns(
        record=records,
        person=persons,
        names=("ab", "cd", "ef"),
        answer=np.where(slip, 99 + persons, 1 + records % 3).astype(np.uint64),
        active_ms=pace * rng.lognormal(0, 0.4, len(records)) * (1 + hard[records]),
        changed_record=again,
        changed_person=np.zeros(len(again), dtype=np.int64),
        changed=(rng.random(len(again)) < 0.02).astype(float),
    )


SIZES = (16, 32, 64, 128, 256)


def curve(
    rng: np.random.Generator,
    n: int,
    *,
    level: float = 0.1,
    rise: float = 0.0,
    train: float = -0.05,
    jump: float = 0.0,
    sizes: tuple[int, ...] = SIZES,
) -> LearningCurve:
    """Errors that come down to a level that people's error of 15% lies above; a record is as hard for every seed."""
    luck = rng.random(n)
    chance = np.array([level + 0.9 * size**-0.5 for size in sizes]) + rise * np.linspace(0, 1, len(sizes))
    chance[2] += jump
    shift = np.clip(chance + rng.normal(0, 0.01, (5, len(sizes))), 0.01, 0.99)
    shape = (5, len(sizes), n)
    dev = (np.where(rng.random(shape) < 0.5, luck, rng.random(shape)) < shift[:, :, None]).astype(float)
    learned = rng.binomial(sizes, np.clip(chance + train, 0, 1), (5, len(sizes))) / np.array(sizes)
    return LearningCurve(
        stage="route", unit="training records", sizes=sizes, dev=dev, train=learned, human=wilson(0.15, n=200)
    )


def ablation(rng: np.random.Generator, n: int, *, better: float, worse: float) -> Ablation:
    luck = rng.random(n)
    change = np.where(luck < better, 1.0, np.where(luck < better + worse, -1.0, 0.0))
    return Ablation(stage="draft", what="the input found", judged="draft", change=change)


def leaks(rng: np.random.Generator, n: int) -> Leaks:
    """Training records that have nothing to do with the scored ones, and are older."""
    return Leaks(
        split="train",
        copies=np.zeros(n),
        shares_group=np.zeros(n),
        older=np.zeros(n),
        holds_answer={"draft": np.zeros(n)},
        telling={("route", "channel"): (rng.random(n) < 0.5).astype(float)},
        trained=frozenset({"route"}),
        told_apart=rng.normal(0, 1, 200),
        is_scored=np.repeat([0.0, 1.0], 100),
        apart_units=Clusters(codes=np.arange(200), count=200),
    )


def fields(rng: np.random.Generator, n: int, first: int) -> Fields:
    return Fields(
        names=("text",), size={"text": rng.normal(300, 60, n).round()}, unit={"text": np.arange(first, first + n)}
    )


def row(
    name: str,
    rng: np.random.Generator,
    *,
    people: PeopleColumns | None,
    system: float = 0.8,
    person: float = 0.85,
    gain: float = 0.05,
) -> StageRow:
    """People five points above the system on 100 records, references worth five points at the end of 200."""
    up, down = rng.binomial(100, (person - system) + 0.08), rng.binomial(100, 0.08)
    fixed, broken = int(rng.binomial(200, max(gain, 0) + 0.02)), int(rng.binomial(200, max(-gain, 0) + 0.02))
    here = wilson(system, n=100)
    return StageRow(
        stage=name, position=1, metric="accuracy", calls=200, failures={}, in_place=here, alone=here, system=here,
        person=wilson(person, n=100), gap=difference(up, down, 100), agreement=here,
        gain=difference(fixed, broken, 200), fixed=fixed, broken=broken, first_faults=0, p_first=0.3,
        alpha=alpha_of(people) if people else unmeasured("not measured"),
    )  # fmt: skip


def alpha_of(people: PeopleColumns) -> Estimate:
    ratings = np.full((len(people.names), int(people.record.max()) + 1), np.nan)
    ratings[people.person, people.record] = people.answer
    rng = np.random.default_rng(0)
    return alpha_bootstrap(ratings, np.arange(ratings.shape[1]), scale="nominal", rng=rng, resamples=200)


def difference(up: int, down: int, n: int) -> Estimate:
    return paired_difference(up=up / n, down=down / n, n=n)
