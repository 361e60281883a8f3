"""The views of two runs: what differs between them, and the word for each of several claims."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.verdict import ENOUGH_RECORDS
from stagegap.attribution.shapley import Harm, PairTable
from stagegap.model.estimate import Estimate
from stagegap.model.wording import plural
from stagegap.stats.paired import Direction, direction, sign_flip_p
from stagegap.stats.resample import Resamples
from stagegap.stats.significance import holm
from stagegap.tables import figures
from stagegap.tables.table import Figure

OUTCOME = "outcome"
"""The name of the outcome's row among the stages; no stage can be called so."""


WORDS = {"improved": "better", "regressed": "worse", "tied": "no measurable difference", "too few": "too few to read"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A change with the word that the evidence allows for it."""

    change: Estimate
    """after minus before, paired; plus is better."""
    p: float
    """Two-sided, of the sign-flip test (McNemar's where it applies); NaN when there was no test to make."""
    p_adjusted: float
    """Holm's, over the claims of the same view."""
    verdict: Direction

    @property
    def is_settled(self) -> bool:
        """True where the two sides can't differ, see `no_change`."""
        return self.change.method.startswith("exact")

    @property
    def word(self) -> str:
        """The verdict as every screen says it."""
        return "nothing changed" if self.is_settled else WORDS[self.verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """Records by what they were before and are after."""

    stayed_right: int
    broken: int
    """Right before, wrong after."""
    fixed: int
    """Wrong before, right after."""
    stayed_wrong: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """One record whose output changed."""

    record: str
    title: str
    """First words of the record, as plain text."""
    before: str
    """The output as plain text, at most 2,000 characters; a failure by its name."""
    after: str
    reference: str
    score_before: float
    score_after: float
    """Of this record alone; the mean over records has its interval in the stage's row."""
    flip: Literal["broken", "fixed", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLists:
    """The records behind a change, each list at most 200 rows."""

    stage: str
    worse: tuple[ChangeRow, ...]
    """Largest drop first."""
    n_worse: int
    better: tuple[ChangeRow, ...]
    """Largest rise first."""
    n_better: int
    changed_only: tuple[ChangeRow, ...]
    """Another output with the same score."""
    n_changed_only: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChange:
    """One stage, or the outcome, in two runs: on the records that have its score in both."""

    stage: str
    """Name of the stage, or `outcome`."""
    metric: str
    is_compared: bool
    """False for a stage that only one run has, or whose type or metric differs; `sentence` says which."""
    before: Estimate
    after: Estimate
    claim: Claim
    alone: Estimate
    """The change when all earlier stages are references; no claim is made on it."""
    flips: Flips
    same: int
    """Records with the same output in both runs."""
    infrastructure_before: int
    """Records without a score because of infrastructure: in no figure of the row."""
    infrastructure_after: int
    sentence: str
    """`draft: −4 points (95% interval −7 to −1), worse`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChange:
    """One key of the resolved cascade that differs."""

    path: str
    """`stages.retrieve.with.k`"""
    before: str | None
    """The value as text; None where the key is absent."""
    after: str | None
    lines: str = ""
    """How two texts of several lines differ, as a unified difference; empty for short values and unknown texts."""


MOST_LINES = 40
"""Lines of a difference that are shown."""


def line_difference(before: str, after: str) -> str:
    """What differs between two texts, with a line around each place.

    >>> print(line_difference("Be kind.\\nBe short.", "Be kind.\\nBe clear."))
    @@ -1,2 +1,2 @@
     Be kind.
    -Be short.
    +Be clear.
    """
    lines = list(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1))[2:]
    cut = [f"… {len(lines) - MOST_LINES:,} more lines"] if len(lines) > MOST_LINES else []
    return "\n".join([*lines[:MOST_LINES], *cut])


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why there is no headline, and what can be compared instead."""

    reasons: tuple[str, ...]
    offer: str
    """A question: "Compare the 950 mails that are the same in both?"; empty when nothing is left to compare."""
    shared: int
    """Records that are the same in both, references included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs of one cascade, record by record."""

    cascade: str
    before: str
    """Name of the run: `v13`."""
    after: str
    noun: str
    outcome_name: str
    n: int
    """Records that both runs saw, with the same content and the same references."""
    refusal: Refusal | None
    """Something other than the system differs; every figure rests on the shared records only."""
    is_accepted: bool
    """Somebody took the refusal's offer."""
    headline: str
    """Empty while a refusal is not accepted."""
    summary: str
    outcome: StageChange
    stages: tuple[StageChange, ...]
    """In cascade order of the later run; stages that only the earlier run has come last."""
    lists: tuple[ChangeLists, ...]
    """The outcome first, then the stages."""
    config: tuple[ConfigChange, ...]
    claims: int
    """How many claims Holm's correction counts."""
    resamples: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageShare:
    """What one stage's new version contributes to the difference of the outcome."""

    stage: str
    status: Literal["changed", "unchanged", "does not reach the outcome"]
    claim: Claim
    """Shapley value: mean gain of taking this stage's new version, over all orders of taking them."""
    alone: Estimate
    """Its gain with every other stage at its old version."""
    last: Estimate
    """Its gain with every other stage at its new version."""
    fixed: int
    """Records that became good by taking this version alone; for an outcome without a bar: rose."""
    broken: int
    banzhaf: Estimate | None = None
    """Banzhaf value: mean gain over all sets of other new versions; steadier than the contribution, but does not add
    up. None where orders were sampled, or the stage did not change."""
    harm: Harm | None = None
    """The records that were good and that this version alone makes bad; None where it was not run alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairEffect:
    """How a later stage's gain depends on which version of an earlier stage it works with."""

    earlier: str
    later: str
    claim: Claim
    """Shapley interaction: gain of `later` with the new `earlier` minus its gain with the old one."""
    with_old: Estimate
    """Gain of `later` while `earlier` is old."""
    with_new: Estimate
    is_used_to_old: bool
    """`later` loses by its change only because `earlier` changed too: it does no harm with the old one."""
    table: PairTable | None = None
    """The same records with neither, either and both; None where that was not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatChanged:
    """Which stages the difference between two versions comes from."""

    cascade: str
    before: str
    after: str
    noun: str
    outcome_name: str
    n: int
    """Records that have an outcome in every cell."""
    left_out: int
    """Records that lack one."""
    total: Claim
    stages: tuple[StageShare, ...]
    """In cascade order; contributions add up to the total exactly."""
    pairs: tuple[PairEffect, ...]
    headline: str
    """`+6 points: +9 from retrieve, −3 from draft, which had got used to the old retrieve`"""
    summary: str
    orders: int | None
    """Orders sampled; None when every set of versions was run."""
    resamples: int
    seed: int
    tolerance: float | None = None
    """By how much a contribution may be off because orders were sampled, in shares; None when none or too few were."""

    @property
    def printed(self) -> Mapping[str, int]:
        """Contribution of each changed stage in whole points, as every page prints it: they add up to the whole.

        One without a spread has no number to add, and then each is rounded alone.
        """
        changed = [row for row in self.stages if row.status == "changed"]
        measured = {row.stage: row.claim.change.value for row in changed if row.claim.change.is_measured}
        if len(measured) < len(changed) or not self.total.change.is_measured:
            return {stage: figures.percent(value) for stage, value in measured.items()}
        points = figures.whole_points(list(measured.values()), figures.percent(self.total.change.value))
        return dict(zip(measured, points, strict=True))


Floats = NDArray[np.float64]

CLAIMED_AT = 0.04
"""Holm's p from which a direction is claimed. The promise is that at most 5% of the comparisons claim a change that is
not there; with 0.05 it was 5.3% of 400 simulated pairs in which one stage of three had an effect, with 0.04 3.8%
(`benchmarks/what_changed.py`)."""


def claims(resamples: Resamples, columns: Mapping[str, str]) -> dict[str, Claim]:
    """The claim behind each column of paired differences, by the keys of `columns`.

    A direction needs three things: 30 records, a 95% interval without 0, and a sign-flip p that is at most 4% after
    Holm's correction over the claims. So at most 5% of the comparisons claim a change that is not there. Signs are
    drawn for each claim alone: its p hangs neither on what is claimed beside it nor on the order.
    """
    changes = {key: resamples.contrast({column: 1.0}) for key, column in columns.items()}
    tested = [key for key, change in changes.items() if change.is_measured and change.n >= ENOUGH_RECORDS]
    by_key = {key: resamples.columns[columns[key]] for key in tested}
    p = np.array([sign_flip_p(by_key[key], resamples.clusters, rng=np.random.default_rng(0)) for key in tested])
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
    if claim.is_settled:
        return f"{name}: no difference, {change.method.removeprefix('exact: ')}"
    if claim.verdict != "tied":
        better = "better" if claim.verdict == "improved" else "worse"
        whole = figures.percent(change.value) if points is None else points
        return f"{name}: {figures.signed(whole)} {plural('point', abs(whole))} ({figures.interval(change)}), {better}"
    return f"{name}: no measurable difference (n = {change.n:,}, {figures.interval(change)}{doubt(claim)})"


def doubt(claim: Claim) -> str:
    """Why nothing is claimed although the interval leaves out 0; empty where it does not."""
    return f"; its own interval leaves out 0, p = {claim.p_adjusted:.2f} among all claims" * claim.change.excludes_zero


def claimed(claim: Claim, *, points: int | None = None) -> Figure:
    """A claim as a cell: its change with what was tested of it; `points` where it was rounded together with others."""
    return Figure(estimate=claim.change, rounded=points, p=claim.p, p_adj=claim.p_adjusted, verdict=claim.verdict)
