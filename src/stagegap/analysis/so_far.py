"""The outcome of a run that goes on, from the records that are finished."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stagegap.analysis import evidence as ev
from stagegap.analysis.scorecard import outcome_name
from stagegap.analysis.wording import counted, plural, sentence
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.run import SYSTEM
from stagegap.stats.resample import resample
from stagegap.stats.sequential import confidence_sequence
from stagegap.tables import figures

MOST = 2_000
"""Records that are looked at, the first ones: a look must cost nothing beside the run."""
RESAMPLES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SoFar:
    """What a run that goes on says of its outcome."""

    outcome: str
    """In words."""
    estimate: Estimate
    finished: int
    """The first so many records, all of them finished: a slow record ends the count, so that none is left out."""
    of: int
    """Records of the run."""
    is_safe: bool
    """The interval holds however often one looks."""
    sentence: str


def so_far(evidence: ev.Evidence, *, of: int) -> SoFar:
    """Say what the first records of a run, all finished, tell of its outcome.

    The interval of independent records is a confidence sequence: it holds at every look at once, where the records come
    in random order. Of clustered records half a cluster may be in, so theirs is an ordinary one, for one look.
    """
    cascade, units = evidence.cascade, evidence.units
    scores = ev.outcome_scores(evidence, SYSTEM)
    measured = ~np.isnan(scores)
    is_safe = units.count == len(evidence.records)
    if not measured.any():
        estimate = unmeasured(f"not measured: no finished {cascade.noun} has a score yet")
    elif is_safe:
        estimate = confidence_sequence(scores[measured])
    else:
        drawn = resample({"outcome": scores}, units, rng=np.random.default_rng(evidence.seed), resamples=RESAMPLES)
        estimate = drawn.mean("outcome")
    return SoFar(
        outcome=outcome_name(cascade),
        estimate=estimate,
        finished=len(evidence.records),
        of=of,
        is_safe=is_safe,
        sentence=_told(evidence, estimate, of=of, is_safe=is_safe),
    )


def _told(evidence: ev.Evidence, estimate: Estimate, *, of: int, is_safe: bool) -> str:
    cascade, n = evidence.cascade, len(evidence.records)
    if not estimate.is_measured:
        return f"{sentence(outcome_name(cascade))} so far: {estimate.method}."
    share = f"{figures.share(estimate.value)} ({figures.interval(estimate)}), n {estimate.n:,}"
    progress = f"{sentence(outcome_name(cascade))} so far: {share}"
    nouns = plural(cascade.noun, 2)
    first = (
        f"of all {counted(of, cascade.noun)}."
        if n == of
        else f"of the first {n:,} of {of:,} {nouns}, no fair sample unless their order is random."
    )
    looking = (
        "The interval holds however often you look."
        if is_safe
        else f"{sentence(nouns)} come in clusters: the interval is for one look, so stop nothing because of it."
    )
    return f"{progress}, {first} {looking}"
