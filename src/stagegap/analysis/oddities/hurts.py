"""Something that should help, hurts: worse when a stage gets better, or better when something is taken away."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from stagegap.analysis.oddities.card import Detector, Family, Finding, Tried, places
from stagegap.analysis.oddities.columns import RunColumns
from stagegap.analysis.oddities.saying import claim
from stagegap.analysis.oddities.too_good import above_zero_p
from stagegap.analysis.wording import plural
from stagegap.model.estimate import Estimate
from stagegap.stats.distributions import binomial_cdf
from stagegap.stats.screening import mean
from stagegap.stats.signflip import sign_flip_p
from stagegap.tables import figures

FEWEST = 30


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


DETECTORS = (
    Detector(
        name="right-hurts", family=Family.HURTS, title="Right answers make the end worse",
        rule="with references at this stage more records get worse than better",
        why="Later stages have got used to this stage's mistakes; mending it alone will cost.",
        look=_right_answers_hurt,
    ),
    Detector(
        name="helper-hurts", family=Family.HURTS, title="Better without it",
        rule="the score is higher when an input, a prompt block, a document or a stage is taken away, or when a "
        "trained stage gets an input of other records (paired, `stagegap odd --without`)",
        why="It costs, and it does harm: mend it or leave it out.", look=_helper_hurts,
    ),
)  # fmt: skip
