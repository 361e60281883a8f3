"""Too good to be true, or something that should help and hurts."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from stagegap.model.estimate import Estimate
from stagegap.model.wording import plural
from stagegap.oddities.card import Detector, Family, Finding, Tried, claim, figure, lead_over, places
from stagegap.oddities.columns import RunColumns
from stagegap.oddities.expected import anchors, best_share
from stagegap.people.agreement import COUNTABLE
from stagegap.stats.distributions import binomial_cdf, t_cdf, t_quantile
from stagegap.stats.paired import sign_flip_p
from stagegap.stats.significance import mean
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
            f"{row.stage} scores {figure(row.system)} where labellers score {figure(row.person)} on the same answers: "
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
            f"{name} is right on {figure(right)} of {right.n:,} {plural(run.cascade.noun, right.n)} with one "
            f"labeller's label. Where several answered, the best possible answer agrees with {figure(top)} of them: "
            "nobody can be better than that against one labeller's labels.",
            count=right.n, plot=anchors(run, name),
        )  # fmt: skip


TOO_GOOD_DETECTORS = (
    Detector(
        name="above-people", family=Family.TOO_GOOD, title="Better than labellers",
        rule="the system's score is above labellers' against the same labellers' answers, on 30 records or more",
        why="It happens. More often the system has seen the answers, or labellers were asked something else.",
        look=_above_people,
    ),
    Detector(
        name="above-noise", family=Family.TOO_GOOD, title="Above the ceiling of noisy labels",
        rule="right on one labeller's labels more often than the commonest answer agrees with labellers where "
        "several answered",
        why="Labels of one labeller carry their slips: a system that matches them too has probably seen them.",
        look=_above_noise,
    ),
)  # fmt: skip


def _right_answers_hurt(run: RunColumns) -> Iterator[Finding]:
    for row in run.rows:
        gain = row.gain
        if not gain.is_measured or not row.fixed + row.broken:
            continue
        loss = Estimate(
            value=-gain.value, low=-gain.high, high=-gain.low, n=gain.n, method=gain.method, level=gain.level,
            clusters=gain.clusters,
        )  # fmt: skip
        moved = row.fixed + row.broken
        exact = 1 - binomial_cdf(row.broken - 1, moved, 0.5) if row.broken else 1.0
        clustered = above_zero_p(loss) if gain.clusters is not None else exact
        p = max(exact, clustered) if not math.isnan(clustered) else exact
        yield claim(
            row.stage, loss, p,
            f"With right answers at {row.stage}, {row.broken:,} {plural(run.cascade.noun, row.broken)} get worse at "
            f"the end and {row.fixed:,} get better: {figures.points(gain.value)} "
            f"points (interval {figures.span(gain)}; n = {gain.n:,}).",
            count=row.broken,
        )  # fmt: skip


def _helper_hurts(run: RunColumns) -> Iterator[Finding]:
    for cut in run.ablations:
        change = mean(cut.change, run.units)
        if change.n < FEWEST or not change.is_measured:
            continue
        both = sign_flip_p(cut.change, run.units, rng=run.rng())
        better, worse = int((cut.change > 0).sum()), int((cut.change < 0).sum())
        yield claim(
            cut.stage, change, both / 2 if change.value > 0 else 1 - both / 2,
            f"Without {cut.what}, {cut.judged} scores {figures.points(change.value)} points "
            f"(interval {figures.span(change)}): {better:,} of {change.n:,} "
            f"{plural(run.cascade.noun, change.n)} get better, {worse:,} get worse.",
            subject=cut.what, positions=places((cut.change > 0).astype(np.float64), order=cut.change), count=better,
        )  # fmt: skip


def tried(run: RunColumns) -> Iterator[Tried]:
    """Say of everything that was taken away what it did, odd or not."""
    for cut in run.ablations:
        yield Tried(
            run=run.run, stage=cut.stage, what=cut.what, judged=cut.judged, change=mean(cut.change, run.units),
            better=int((cut.change > 0).sum()), worse=int((cut.change < 0).sum()),
        )  # fmt: skip


HURTS_DETECTORS = (
    Detector(
        name="right-hurts", family=Family.HURTS, title="Right answers make the end worse",
        rule="with references at this stage more records get worse than better",
        why="Later stages have got used to this stage's mistakes; mending it alone will cost.",
        look=_right_answers_hurt,
    ),
    Detector(
        name="helper-hurts", family=Family.HURTS, title="Better without it",
        rule="the score is higher when an input, a prompt block, a document or a stage is taken away, or when a "
        "trained stage gets an input of other records (paired, `stagegap show odd --without`)",
        why="It costs, and it does harm: mend it or leave it out.", look=_helper_hurts,
    ),
)  # fmt: skip
