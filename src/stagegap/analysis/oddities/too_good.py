"""Too good to be true: above what people reach, or above what their labels allow."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from stagegap.analysis.chance import COUNTABLE
from stagegap.analysis.oddities.anchors import anchors, best_share
from stagegap.analysis.oddities.card import Detector, Family, Finding
from stagegap.analysis.oddities.columns import RunColumns
from stagegap.analysis.oddities.saying import claim, figure, lead_over
from stagegap.analysis.wording import plural
from stagegap.model.estimate import Estimate
from stagegap.stats.distributions import t_cdf, t_quantile
from stagegap.stats.screening import mean
from stagegap.tables import figures

FEWEST = 30


def _above_people(run: RunColumns) -> Iterator[Finding]:
    for row in run.rows:
        if not row.gap.is_measured or row.gap.n < FEWEST:
            continue
        lead = Estimate(
            value=-row.gap.value, low=-row.gap.high, high=-row.gap.low, n=row.gap.n, method=row.gap.method,
            level=row.gap.level, clusters=row.gap.clusters,
        )  # fmt: skip
        yield claim(
            row.stage, lead, above_zero_p(lead),
            f"{row.stage} scores {figure(row.system)} where people score {figure(row.person)} against the same people: "
            f"{figures.points(lead.value)} points (interval {figures.span(lead)}; {lead.n:,} "
            f"{plural(run.cascade.noun, lead.n)}).",
            count=lead.n, plot=anchors(run, row.stage),
        )  # fmt: skip


def above_zero_p(estimate: Estimate) -> float:
    """The one-sided p that the true value is at most 0, from an interval that was made for its level."""
    tail = (1 + estimate.level) / 2
    df = (estimate.clusters or estimate.n) - 1
    error = (estimate.high - estimate.low) / (2 * t_quantile(tail, df)) if df > 0 else math.nan
    if math.isnan(error) or error <= 1e-12:
        return math.nan
    return t_cdf(-estimate.value / error, df)


def _above_noise(run: RunColumns) -> Iterator[Finding]:
    """Compare the accuracy on labels of one person with what anybody could reach against one person's labels."""
    for name, people in run.people.items():
        stage = run.stages[name]
        if stage.kind not in COUNTABLE:
            continue
        ceiling = best_share(run, name)
        labelled = np.bincount(people.record, minlength=run.n)
        single = np.where((labelled <= 1) & (stage.reference >= 0), stage.good, np.nan)
        top, right = mean(ceiling, run.units), mean(single, run.units)
        if top.n < FEWEST or right.n < FEWEST:
            continue
        above, p = lead_over(single, ceiling, run.units)
        yield claim(
            name, above, p,
            f"{name} is right on {figure(right)} of {right.n:,} {plural(run.cascade.noun, right.n)} with one person's "
            f"label. Where several answered, the best possible answer agrees with {figure(top)} of them: nobody can be "
            "better than that against one person's labels.",
            count=right.n, plot=anchors(run, name),
        )  # fmt: skip


DETECTORS = (
    Detector(
        name="above-people", family=Family.TOO_GOOD, title="Better than people",
        rule="the system's score is above people's against the same people's answers, on 30 records or more",
        why="It happens. More often the system has seen the answers, or people were asked something else.",
        look=_above_people,
    ),
    Detector(
        name="above-noise", family=Family.TOO_GOOD, title="Above the ceiling of noisy labels",
        rule="right on one person's labels more often than the commonest answer agrees with people where "
        "several answered",
        why="Labels of one person carry that person's slips: a system that matches them too has probably seen them.",
        look=_above_noise,
    ),
)  # fmt: skip
