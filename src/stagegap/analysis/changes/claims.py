"""Several changes told from one data set: a word for each, with the chance of any false one held at 5%."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.changes.views import Claim
from stagegap.analysis.verdict import ENOUGH_RECORDS
from stagegap.analysis.wording import plural
from stagegap.model.estimate import Estimate
from stagegap.stats.multiple import holm
from stagegap.stats.paired import Direction, direction
from stagegap.stats.resample import Resamples
from stagegap.stats.signflip import sign_flip_p
from stagegap.tables import figures

Floats = NDArray[np.float64]

CLAIMED_AT = 0.04
"""Holm's p from which a direction is claimed. The promise is that at most 5% of the comparisons claim a change that is
not there; with 0.05 it was 5.3% of 400 simulated pairs in which one stage of three had an effect, with 0.04 3.8%
(`benchmarks/what_changed.py`)."""


def claims(resamples: Resamples, columns: Mapping[str, str], *, rng: np.random.Generator) -> dict[str, Claim]:
    """The claim behind each column of paired differences, by the keys of `columns`.

    A direction needs three things: 30 records, a 95% interval without 0, and a sign-flip p that is at most 4% after
    Holm's correction over the claims. So at most 5% of the comparisons claim a change that is not there.
    """
    changes = {key: resamples.contrast({column: 1.0}) for key, column in columns.items()}
    tested = [key for key, change in changes.items() if change.is_measured and change.n >= ENOUGH_RECORDS]
    p = np.array([sign_flip_p(resamples.columns[columns[key]], resamples.clusters, rng=rng) for key in tested])
    adjusted = dict(zip(tested, holm(p).tolist(), strict=True))
    plain = dict(zip(tested, p.tolist(), strict=True))
    return {
        key: Claim(
            change=change,
            p=plain.get(key, math.nan),
            p_adjusted=adjusted.get(key, math.nan),
            verdict=_word(change, adjusted.get(key)),
        )
        for key, change in changes.items()
    }


def _word(change: Estimate, p_adjusted: float | None) -> Direction:
    if p_adjusted is None:
        return "too few"
    return direction(change) if p_adjusted <= CLAIMED_AT else "tied"


def no_change(n: int, why: str) -> Claim:
    """The claim that needs no statistics: the two sides can't differ."""
    zero = Estimate(value=0.0, low=0.0, high=0.0, n=n, method=f"exact: {why}")
    return Claim(change=zero, p=math.nan, p_adjusted=math.nan, verdict="tied")


def not_claimed(change: Estimate) -> Claim:
    """The claim that is not made."""
    return Claim(change=change, p=math.nan, p_adjusted=math.nan, verdict="too few")


def claim_sentence(name: str, claim: Claim, *, noun: str, points: int | None = None) -> str:
    """A claim as a sentence without its full stop: `draft: −4 points (95% interval −7 to −1), worse`.

    `points` is the change where it was rounded together with others.
    """
    change = claim.change
    if not change.is_measured:
        return f"{name}: {change.method}"
    if claim.verdict == "too few":
        return f"{name}: too few to read, {change.n} of {ENOUGH_RECORDS} {plural(noun, 2)}"
    if change.method.startswith("exact"):
        return f"{name}: no difference, {change.method.removeprefix('exact: ')}"
    if claim.verdict != "tied":
        better = "better" if claim.verdict == "improved" else "worse"
        whole = figures.percent(change.value) if points is None else points
        return f"{name}: {figures.signed(whole)} {plural('point', abs(whole))} ({figures.interval(change)}), {better}"
    doubt = f"; its own interval leaves out 0, p = {claim.p_adjusted:.2f} among all claims" * change.excludes_zero
    return f"{name}: no measurable difference (n = {change.n:,}, {figures.interval(change)}{doubt})"
