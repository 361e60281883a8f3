"""The ratio of two sums, such as F1, from the resamples that everything else of a picture comes from."""

from __future__ import annotations

import numpy as np

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.clusters import distinct, few_clusters
from stagegap.stats.resample import Resamples, expanded_tail


def ratio(resamples: Resamples, numerator: str, denominator: str) -> Estimate:
    """The sum of one column over the sum of another, both resampled together (a ratio estimate).

    Records for which both are 0 carry nothing and are not counted in `n`. Source: Efron & Tibshirani 1993, ch. 10.
    Raises: ValueError when a record is in one column only.
    """
    above, below = resamples.columns[numerator], resamples.columns[denominator]
    if not np.array_equal(np.isnan(above), np.isnan(below)):
        raise ValueError(f"{numerator!r} and {denominator!r} hold different records, so they have no common ratio")
    counted = np.nan_to_num(np.abs(above)) + np.nan_to_num(np.abs(below)) > 0
    n, clusters = int(counted.sum()), distinct(resamples.clusters.codes[counted])
    total = float(below[counted].sum())
    if total == 0:
        return unmeasured("not measured: nothing counts in the denominator", n=n)
    if clusters < 2:
        only = "1 record" if n == 1 else f"all {n} records belong to one cluster"
        return unmeasured(f"too few: {only}", n=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = resamples.means[numerator] / resamples.means[denominator]
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn) or np.ptp(drawn) <= 1e-12:
        return unmeasured("too few: every resample gives the same ratio, so its spread is unknown", n=n)
    value = float(above[counted].sum()) / total
    tail = expanded_tail(clusters, level=resamples.level)
    low, high = np.quantile(drawn, [tail, 1 - tail])
    are_records = resamples.clusters.are_records
    kind = "bootstrap" if are_records else "cluster bootstrap"
    return Estimate(
        value=value,
        low=min(float(low), value),
        high=max(float(high), value),
        n=n,
        method=f"{kind} of a ratio, expanded percentile, {resamples.resamples} resamples{few_clusters(clusters)}",
        level=resamples.level,
        clusters=None if are_records else clusters,
    )
