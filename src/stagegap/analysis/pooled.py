"""Precision, recall and F1 of a stage that should answer some records and leave others alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.evidence import Evidence
from stagegap.metrics import CustomMetric, metric, score
from stagegap.model.answer import Status
from stagegap.model.estimate import Estimate
from stagegap.model.values import Json
from stagegap.stats.ratio import ratio
from stagegap.stats.resample import RESAMPLES, resample

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledScore:
    """One metric of a conditional stage, pooled over records.

    The metric's sum over the records that wanted an answer and got one, over all that got one (precision) and over
    all that wanted one (recall), and the harmonic mean of the two (F1). The definition of DSTC9 track 1 and DSTC10
    track 2 (Kim et al. 2021): it does not reward leaving alone what is to be left alone, as the mean score does.
    """

    stage: str
    metric: str
    wanted: int
    """Records whose reference is an answer; for a boolean, true."""
    answered: int
    """Records that the stage answered; for a boolean, with true."""
    both: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


def pooled_scores(
    evidence: Evidence,
    *,
    seed: int,
    custom: Mapping[str, CustomMetric] | None = None,
    resamples: int = RESAMPLES,
) -> tuple[PooledScore, ...]:
    """The pooled scores of every stage and metric, all intervals from the same resamples of whole clusters.

    Infrastructure failures and records without a reference or an output are in no figure.
    """
    functions = custom or {}
    wanted = [(stage.name, name) for stage in evidence.cascade.stages for name in stage.metrics]
    sums = {pair: _sums(evidence, *pair, functions) for pair in wanted}
    columns: dict[str, Floats] = {}
    for pair, table in sums.items():
        is_wanted, is_answered, scores = table.T
        columns |= {
            _column("precision", pair): np.where(is_answered == 1, scores, math.nan),
            _column("recall", pair): np.where(is_wanted == 1, scores, math.nan),
            _column("sum", pair): scores,
            _column("half", pair): (is_wanted + is_answered) / 2,
        }
    drawn = resample(
        columns,
        evidence.units,
        rng=np.random.default_rng(seed),
        resamples=resamples,
    )
    return tuple(
        PooledScore(
            stage=pair[0],
            metric=pair[1],
            wanted=int(np.nansum(table[:, 0])),
            answered=int(np.nansum(table[:, 1])),
            both=int(np.nansum(table[:, 0] * table[:, 1])),
            precision=drawn.mean(_column("precision", pair)),
            recall=drawn.mean(_column("recall", pair)),
            f1=ratio(drawn, _column("sum", pair), _column("half", pair)),
        )
        for pair, table in sums.items()
    )


def _column(name: str, pair: tuple[str, str]) -> str:
    return " ".join((name, *pair))


def _sums(evidence: Evidence, stage: str, name: str, custom: Mapping[str, CustomMetric]) -> Floats:
    """Per record: wanted an answer, got one, score where both; NaN throughout where there is nothing to say."""
    by = metric(name, custom=custom.get(name))
    outputs = evidence.system(stage)
    table = np.full((len(evidence.records), 3), math.nan)
    for row, record in enumerate(evidence.records):
        output, reference = outputs.get(record.id), evidence.references.get((record.id, stage))
        if output is None or reference is None or Status.INFRASTRUCTURE in (output.status, output.because):
            continue
        wanted = any(_is_answer(answer.value) for answer in reference.accepted)
        answered = output.status.has_value and _is_answer(output.value)
        record_score = score(output, reference, by) if wanted and answered else 0.0
        if not math.isnan(record_score):
            table[row] = wanted, answered, record_score
    return table


def _is_answer(value: Json) -> bool:
    return value is not None and value is not False
