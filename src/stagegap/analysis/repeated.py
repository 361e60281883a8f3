"""Stages that were asked several times for the same input: how much of a score is chance from one time to the next."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from stagegap.analysis import evidence as ev
from stagegap.analysis.views import RepeatNoise
from stagegap.analysis.wording import counted, plural
from stagegap.metrics import score
from stagegap.model.answer import Output
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.clusters import clusters
from stagegap.stats.repeats import variance_parts
from stagegap.stats.resample import RESAMPLES, resample
from stagegap.tables import figures


def repeat_noise(
    evidence: ev.Evidence, stage: str, outputs: Iterable[Output], *, resamples: int = RESAMPLES
) -> RepeatNoise | None:
    """Split the variance of a stage's scores over records and over repeats; None where it was asked once."""
    by_record: dict[str, dict[int, float]] = {}
    for output in outputs:
        reference = evidence.references.get((output.record, stage))
        if reference is not None:
            by_record.setdefault(output.record, {})[output.repeat] = score(output, reference, evidence.metrics[stage])
    repeats = 1 + max((repeat for own in by_record.values() for repeat in own), default=0)
    if repeats < 2:
        return None
    whole = [record for record in evidence.records if _is_whole(by_record.get(record.id, {}), repeats)]
    scores = [[by_record[record.id][repeat] for repeat in range(repeats)] for record in whole]
    table = np.array(scores, dtype=np.float64).reshape(-1, repeats)
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
