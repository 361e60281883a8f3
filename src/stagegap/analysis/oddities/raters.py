"""Raters that hardly agree: looked at before any gap is made of what they say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stagegap.analysis.chance import RESAMPLES
from stagegap.analysis.oddities.card import Finding, Screen
from stagegap.analysis.oddities.people import DETECTORS, weak_agreement
from stagegap.analysis.oddities.tables import table_screen
from stagegap.analysis.wording import counted
from stagegap.model.estimate import Estimate
from stagegap.model.rating import Rating
from stagegap.stats.agreement import alpha_bootstrap

WEAK = next(detector for detector in DETECTORS if detector.name == "weak-agreement")


def ratings_screen(ratings: Sequence[Rating], *, name: str, seed: int = 0) -> Screen:
    """A card for each criterion by which raters hardly agree (Krippendorff's alpha, interval scale)."""
    findings: list[Finding] = []
    for criterion in dict.fromkeys(rating.criterion for rating in ratings):
        chosen = [rating for rating in ratings if rating.criterion == criterion]
        findings.append(
            weak_agreement("", alpha(chosen, seed=seed), "answer", place=f"by {criterion}", subject=criterion)
        )
    return table_screen(WEAK, findings, name=name, basis=f"{counted(len(ratings), 'rating')} in {name}.")


def alpha(ratings: Sequence[Rating], *, seed: int) -> Estimate:
    """Alpha of one criterion, the answers to one record resampled together."""
    items = {place: i for i, place in enumerate(dict.fromkeys((r.system, r.record) for r in ratings))}
    raters = {rater: i for i, rater in enumerate(dict.fromkeys(r.rater for r in ratings))}
    records = {record: i for i, record in enumerate(dict.fromkeys(record for _, record in items))}
    table = np.full((len(raters), len(items)), np.nan)
    for rating in ratings:
        table[raters[rating.rater], items[rating.system, rating.record]] = rating.value
    codes = np.array([records[record] for _, record in items], dtype=np.int64)
    rng = np.random.default_rng(seed)
    return alpha_bootstrap(table, codes, scale="interval", rng=rng, resamples=RESAMPLES)
