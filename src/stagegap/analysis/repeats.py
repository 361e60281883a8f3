"""Stages that were asked several times: how much of a score is chance, and how often an answer is right every time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.attribution.faults import acceptable
from stagegap.metrics import Metric, score
from stagegap.model.answer import Output
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.record import Record
from stagegap.model.wording import counted, plural
from stagegap.stats.resample import RESAMPLES, resample
from stagegap.stats.spread import clusters, right_at_least_once, right_every_time, variance_parts, worst_of
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Table

Floats = NDArray[np.float64]
END = "outcome"
"""In place of a stage: the end of the cascade, by the outcome's own score."""
MOST_K = 8
"""Up to so many repeats each k has a row; beyond, 1, 2, 4, ... and all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatNoise:
    """Where the uncertainty of one stage's mean score comes from."""

    stage: str
    repeats: int
    n: int
    """Records whose every repeat has a score."""
    omega2: float
    """Variance over records of the expected score; NaN where there are too few records."""
    sigma2: Estimate
    """Mean variance of one record's score from repeat to repeat."""
    repeats_pay: bool
    """More repeats would make the mean surer; else only more records would."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PassesOfK:
    """A stage, or the outcome, asked k times about each record; without bias from all repeats that there are."""

    stage: str
    k: int
    repeats: int
    """That the figures rest on."""
    every: Estimate
    """Share of records at which all k answers are acceptable (pass^k)."""
    worst: Estimate
    """Mean of the worst of k scores."""
    once: Estimate
    """Share of records at which one of k answers is acceptable (pass@k)."""


def repeat_noise(
    evidence: ev.Evidence, stage: str, outputs: Iterable[Output], *, resamples: int = RESAMPLES
) -> RepeatNoise | None:
    """Split the variance of a stage's scores over records and over repeats; None where it was asked once."""
    asked = _asked(evidence, stage, outputs, evidence.metrics[stage])
    table, whole = asked.scores, asked.records
    repeats = table.shape[1]
    if repeats < 2:
        return None
    noun = evidence.cascade.noun
    if len(table) < 2:
        why = f"too few: {counted(len(table), noun)} with a score in each of {repeats} repeats"
        return RepeatNoise(
            stage=stage, repeats=repeats, n=len(table), omega2=math.nan, sigma2=unmeasured(why, n=len(table)),
            repeats_pay=False, sentence=f"{stage} was asked {repeats} times; {why}.",
        )  # fmt: skip
    parts = variance_parts(table)
    drawn = resample(
        {"within": table.var(axis=1, ddof=1)},
        clusters(record.unit for record in whole),
        rng=np.random.default_rng(evidence.seed),
        resamples=resamples,
    )
    sigma2 = drawn.mean("within")
    return RepeatNoise(
        stage=stage,
        repeats=repeats,
        n=len(table),
        omega2=parts.omega2,
        sigma2=sigma2,
        repeats_pay=parts.repeats_pay,
        sentence=_sentence(stage, repeats, parts.omega2, sigma2, noun, pays=parts.repeats_pay),
    )


def _is_whole(scores: Mapping[int, float], repeats: int) -> bool:
    return len(scores) == repeats and not any(math.isnan(repeat_score) for repeat_score in scores.values())


def _sentence(stage: str, repeats: int, omega2: float, sigma2: Estimate, noun: str, *, pays: bool) -> str:
    start = f"{stage} was asked {repeats} times for the same input"
    if not sigma2.is_measured:
        return f"{start}; how far its answers differ is {sigma2.method}."
    value, low, high = (math.sqrt(max(0.0, x)) for x in (sigma2.value, sigma2.low, sigma2.high))
    what = "more repeats" if pays else f"only more {plural(noun, 2)}"
    return (
        f"{start}: the score of one {noun} moves by {figures.percent(value)} points ({figures.between(low, high)}) "
        f"from time to time, and by {figures.percent(math.sqrt(omega2))} from {noun} to {noun} "
        f"(standard deviations, n = {sigma2.n:,}); {what} would make the mean surer."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The records whose every repeat has a score."""

    records: tuple[Record, ...]
    scores: Floats
    """Records x repeats."""


def _asked(evidence: ev.Evidence, stage: str, outputs: Iterable[Output], by: Metric) -> _Asked:
    by_record: dict[str, dict[int, float]] = {}
    for output in outputs:
        reference = evidence.references.get((output.record, stage))
        if reference is not None:
            by_record.setdefault(output.record, {})[output.repeat] = score(output, reference, by)
    repeats = 1 + max((repeat for own in by_record.values() for repeat in own), default=0)
    whole = tuple(record for record in evidence.records if _is_whole(by_record.get(record.id, {}), repeats))
    scores = [[by_record[record.id][repeat] for repeat in range(repeats)] for record in whole]
    return _Asked(records=whole, scores=np.array(scores, dtype=np.float64).reshape(-1, repeats))


def passes(
    evidence: ev.Evidence, outputs: Mapping[str, Sequence[Output]], *, resamples: int = RESAMPLES
) -> tuple[PassesOfK, ...]:
    """How often k answers are all acceptable, at each stage of `outputs` and at the end where its stage is among them.

    `outputs` are those of every repeat, by stage. All figures of a stage come from the same resamples.
    """
    rows: list[PassesOfK] = []
    for stage, own in outputs.items():
        by = evidence.metrics[stage]
        rows += _passes(
            evidence, stage, own, by, bar=ev.score_bar(evidence, stage, by), name=stage, resamples=resamples
        )
    end, good = evidence.cascade.outcome.stage, evidence.cascade.outcome.good
    if end in outputs and evidence.cascade.outcome.criterion is None:
        bar = evidence.outcome.bar if good is None else good
        rows += _passes(evidence, end, outputs[end], evidence.outcome, bar=bar, name=END, resamples=resamples)
    return tuple(rows)


def _passes(
    evidence: ev.Evidence, stage: str, outputs: Sequence[Output], by: Metric, *, bar: float, name: str, resamples: int
) -> list[PassesOfK]:
    asked = _asked(evidence, stage, outputs, by)
    repeats = asked.scores.shape[1]
    if repeats < 2 or not len(asked.scores):
        return []
    right = acceptable(asked.scores, bar)
    ks = range(1, repeats + 1) if repeats <= MOST_K else sorted({*(2**i for i in range(repeats.bit_length())), repeats})
    columns: dict[str, Floats] = {}
    for k in ks:
        columns |= {
            f"every {k}": right_every_time(right, k),
            f"worst {k}": worst_of(asked.scores, k),
            f"once {k}": right_at_least_once(right, k),
        }
    drawn = resample(
        columns,
        clusters(record.unit for record in asked.records),
        rng=np.random.default_rng(evidence.seed),
        resamples=resamples,
    )
    return [
        PassesOfK(
            stage=name,
            k=k,
            repeats=repeats,
            every=drawn.mean(f"every {k}"),
            worst=drawn.mean(f"worst {k}"),
            once=drawn.mean(f"once {k}"),
        )
        for k in ks
    ]


_REPEATS = (
    Column(name="Stage", unit=Unit.TEXT, key="stage", is_hidden=True),
    Column(name="Variance", unit=Unit.NUMBER, key="variance from repeat to repeat", is_hidden=True),
)
_PASSES = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Asked k times", unit=Unit.COUNT, key="k"),
    Column(name="Right every time (pass^k)", unit=Unit.SHARE, key="pass^{k}"),
    Column(name="Worst of k", unit=Unit.SHARE, key="worst of {k}"),
    Column(name="Right at least once (pass@k)", unit=Unit.SHARE, key="pass@{k}", spare=1),
)


def noise_table(rows: Sequence[RepeatNoise]) -> Table:
    """One row a stage."""
    return Table(columns=_REPEATS, rows=tuple((row.stage, row.sigma2) for row in rows))


def passes_table(rows: Sequence[PassesOfK]) -> Table:
    """One row a stage and k."""
    return Table(columns=_PASSES, rows=tuple((row.stage, row.k, row.every, row.worst, row.once) for row in rows))
