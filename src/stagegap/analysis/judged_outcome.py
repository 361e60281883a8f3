"""What people who judged some of the system's answers say of all of them, with the metric as their helper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.judging import SYSTEM, Judging, judgements_in_force, ratings_of
from stagegap.model.answer import Label
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.clusters import Clusters
from stagegap.stats.intervals import mean_of
from stagegap.stats.judged import ppi_mean, rogan_gladen

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedOutcome:
    """The system's answers at one stage by people's judgement, over all records that the metric scores."""

    stage: str
    criterion: str
    metric: str
    people: Estimate
    """Mean judgement of the judged records alone, from 0 (worst) to 1."""
    helped: Estimate
    """The same for all scored records, sharpened by the metric (PPI++)."""
    corrected: Estimate
    """Share of good answers behind the metric's pass rate (Rogan-Gladen); only for judgements that say good or not."""
    passed: Estimate
    """Share of the scored records that pass the metric's own bar, as it stands."""


def judged_outcome(
    evidence: ev.Evidence, stage: str, judging: Judging, judgements: Sequence[Label]
) -> JudgedOutcome | None:
    """Put people's judgements of the system's answers beside the metric; None without a judgement.

    The judged records are a fair sample of those with two answers; several judges of a record are averaged.
    """
    low, high = judging.scale
    given: dict[str, list[float]] = {}
    for label in judgements_in_force(judgements):
        given.setdefault(label.record, []).append((float(ratings_of(label)[SYSTEM]) - low) / (high - low))
    people = evidence.column(lambda record: float(np.mean(given[record.id])) if record.id in given else math.nan)
    scores, passed = ev.stage_scores(evidence, stage, ev.SYSTEM), ev.accepted(evidence, stage)
    both, rest = ~np.isnan(people) & ~np.isnan(scores), np.isnan(people) & ~np.isnan(scores)
    if not both.any():
        return None
    units = evidence.units
    order = np.concatenate([np.flatnonzero(both), np.flatnonzero(rest)])
    inside = Clusters(codes=units.codes[order], count=units.count)
    return JudgedOutcome(
        stage=stage,
        criterion=judging.criterion,
        metric=evidence.metrics[stage].name,
        people=mean_of(people, units),
        helped=ppi_mean(people[both], scores[both], scores[rest], units=None if units.are_records else inside.codes),
        corrected=_corrected(people, passed, units, is_binary=judging.mode == "prefer"),
        passed=mean_of(passed, units),
    )


def _corrected(people: Floats, passed: Floats, units: Clusters, *, is_binary: bool) -> Estimate:
    if not is_binary:
        return unmeasured("not measured: a rating does not say good or not; `--judge prefer` does")
    if not units.are_records:
        return unmeasured("not measured: the correction takes records as independent, and these come in clusters")
    known = ~np.isnan(passed)
    good, bad = known & (people >= 0.5), known & (people < 0.5)
    return rogan_gladen(
        int(passed[known].sum()),
        int(known.sum()),
        right_positives=int((passed[good] == 1).sum()),
        positives=int(good.sum()),
        right_negatives=int((passed[bad] == 0).sum()),
        negatives=int(bad.sum()),
    )
