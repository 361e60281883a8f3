"""Findings made of shares, and their numbers in words."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.wording import plural
from stagegap.oddities.card import Finding, Plot, Scale, places
from stagegap.oddities.columns import Floats, RunColumns
from stagegap.stats.clusters import Clusters, distinct
from stagegap.stats.intervals import wilson_of
from stagegap.stats.significance import above_p
from stagegap.stats.spread import spread
from stagegap.tables import figures


def share_of(estimate: Estimate, hits: int, noun: str) -> str:
    """A count with its share: `3 of 120 mails (2%, interval 1 to 7)`."""
    whole = f"{hits:,} of {estimate.n:,} {plural(noun, estimate.n)}"
    return (
        f"{whole} ({figures.share(estimate.value)}, interval {figures.span(estimate)})"
        if estimate.is_measured
        else whole
    )


def figure(estimate: Estimate) -> str:
    """A share with its interval: `12% (8 to 17)`."""
    return figures.figure(estimate, figures.Unit.SHARE) if estimate.is_measured else estimate.method


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
    finding = _of_share(run, stage, hits, sentence, order=order, subject=subject)
    if finding is None or not finding.statistic.is_measured:
        return finding
    return replace(finding, p=above_p(hits, tolerance, run.units))


def occurrence(
    run: RunColumns, stage: str, hits: Floats, sentence: str, *, order: Floats | None = None, subject: str = ""
) -> Finding | None:
    """Say what is there: found where any record shows it, with n and Wilson's interval; None without a record."""
    finding = _of_share(run, stage, hits, sentence, order=order, subject=subject)
    return replace(finding, p=None, is_found=finding.count > 0) if finding else None


def _of_share(
    run: RunColumns, stage: str, hits: Floats, sentence: str, *, order: Floats | None, subject: str
) -> Finding | None:
    """A share with its records, not tested; None without a record."""
    rate = wilson_of(hits, run.units)
    if not rate.n:
        return None
    count = int(np.nansum(hits))
    return Finding(
        stage=stage,
        subject=subject,
        statistic=rate,
        scale="share",
        p=math.nan,
        sentence=sentence.replace("{found}", share_of(rate, count, run.cascade.noun)),
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
    """The finding of a test; with too little data its p is NaN and it is in no count."""
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


def lead_over(values: Floats, others: Floats, units: Clusters) -> tuple[Estimate, float]:
    """How far one mean lies above another of other records, and the one-sided p that it does not."""
    here, rest = ~np.isnan(values), ~np.isnan(others)
    lead, n = float(np.nanmean(values) - np.nanmean(others)), int(here.sum())
    codes = np.concatenate([units.codes[here], units.codes[rest]])
    if n < 2 or rest.sum() < 2 or distinct(codes) < 2:
        return unmeasured("too few: nothing varies", n=n), math.nan
    away = np.concatenate([values[here] - values[here].mean(), others[rest] - others[rest].mean()])
    within = spread(away, codes, weights=np.repeat([1 / n, -1 / int(rest.sum())], [n, int(rest.sum())]))
    if not within.error > 0:
        return unmeasured("too few: nothing varies", n=n), math.nan
    half = within.quantile(0.95) * within.error
    estimate = Estimate(
        value=lead, low=lead - half, high=lead + half, n=n, method=f"Student t, two samples{within.note}"
    )
    return estimate, within.tail(lead / within.error)
