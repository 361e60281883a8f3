"""Something that should help, hurts: worse when a stage gets better, or better when something is taken away."""

from __future__ import annotations

import math
from collections.abc import Iterator

from stagegap.analysis.oddities.card import Detector, Family, Finding
from stagegap.analysis.oddities.columns import RunColumns
from stagegap.analysis.oddities.saying import claim
from stagegap.analysis.oddities.too_good import above_zero_p
from stagegap.analysis.wording import plural, span
from stagegap.model.estimate import Estimate
from stagegap.stats.distributions import binomial_cdf


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
            f"the end and {row.fixed:,} get better: {100 * gain.value:+.0f} "
            f"points (interval {span(gain)}; n = {gain.n:,}).",
            count=row.broken,
        )  # fmt: skip


DETECTORS = (
    Detector(
        name="right-hurts", family=Family.HURTS, title="Right answers make the end worse",
        rule="with references at this stage more records get worse than better",
        why="Later stages have got used to this stage's mistakes; mending it alone will cost.",
        look=_right_answers_hurt,
    ),
)  # fmt: skip
