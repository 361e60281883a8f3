"""Findings made of shares, and their numbers in words."""

from __future__ import annotations

import math

import numpy as np

from stagegap.analysis.oddities.card import Finding, Plot, Scale, places
from stagegap.analysis.oddities.columns import Floats, RunColumns
from stagegap.analysis.rounding import percent
from stagegap.analysis.wording import plural, span
from stagegap.model.estimate import Estimate
from stagegap.stats.screening import above_p, share


def share_of(estimate: Estimate, hits: int, noun: str) -> str:
    """Give a count with its share: `3 of 120 mails (2%, interval 1 to 7)`."""
    whole = f"{hits:,} of {estimate.n:,} {plural(noun, estimate.n)}"
    return f"{whole} ({percent(estimate.value)}%, interval {span(estimate)})" if estimate.is_measured else whole


def shown(estimate: Estimate) -> str:
    """Give a share with its interval: `12% (8 to 17)`."""
    return f"{percent(estimate.value)}% ({span(estimate)})" if estimate.is_measured else estimate.method


def beyond(
    run: RunColumns,
    stage: str,
    hits: Floats,
    tolerance: float,
    sentence: str,
    *,
    order: Floats | None = None,
    subject: str = "",
) -> Finding | None:
    """Test that a share is at most the tolerance; `{found}` in the sentence becomes count, share and interval.

    None where no record tells anything.
    """
    found = share(hits, run.units)
    if not found.n:
        return None
    count = int(np.nansum(hits))
    return Finding(
        stage=stage,
        subject=subject,
        statistic=found,
        scale="share",
        p=above_p(hits, tolerance, run.units) if found.is_measured else math.nan,
        sentence=sentence.replace("{found}", share_of(found, count, run.cascade.noun)),
        positions=places(hits, order=order),
        count=count,
    )


def there(
    run: RunColumns, stage: str, hits: Floats, sentence: str, *, order: Floats | None = None, subject: str = ""
) -> Finding | None:
    """Say what is there: found where any record shows it, with n and Wilson's interval; None without a record."""
    found = share(hits, run.units)
    if not found.n:
        return None
    count = int(np.nansum(hits))
    return Finding(
        stage=stage,
        subject=subject,
        statistic=found,
        scale="share",
        p=None,
        is_found=count > 0,
        sentence=sentence.replace("{found}", share_of(found, count, run.cascade.noun)),
        positions=places(hits, order=order),
        count=count,
    )


def claim(
    stage: str,
    statistic: Estimate,
    p: float,
    sentence: str,
    *,
    scale: Scale = "points",
    positions: tuple[int, ...] = (),
    count: int = 0,
    subject: str = "",
    plot: Plot | None = None,
) -> Finding:
    """Give the finding of a test; with too little data its p is NaN and it is in no count."""
    return Finding(
        stage=stage,
        subject=subject,
        statistic=statistic,
        scale=scale,
        p=p if statistic.is_measured else math.nan,
        sentence=sentence,
        positions=positions,
        count=count,
        plot=plot,
    )
