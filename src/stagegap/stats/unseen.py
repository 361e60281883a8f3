"""How much is still unseen: the share of outputs that bring a kind which no record read so far had."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.distributions import beta_quantile, t_quantile
from stagegap.stats.spread import Clusters, distinct, spread

Floats = NDArray[np.float64]
FEWEST = 2
"""Independent records in each half of a sample, below which nothing can be said."""


def unseen_share(kinds: Sequence[AbstractSet[Hashable]], units: Clusters, *, level: float = 0.95) -> Estimate:
    """Share of outputs with a kind that none of these records has, and a bound that it lies below.

    `kinds` are those of each record, several or none, in the order of a random sample; records of one unit come in
    batches and count as such. The value is Good and Turing's (Good 1953), by leaving out: the share of records with
    a kind that no other unit has. The bound (one-sided) rests on the order: what the later half of the sample finds
    unseen by the earlier half is a fair sample of what was unseen then, and no less can be unseen now. It is the
    exact binomial bound (Clopper & Pearson 1934), with clusters on the effective number of records (Korn & Graubard
    1998). Bounds that use no order (McAllester & Schapire 2000) hold too and say nothing below a
    thousand records; resampled records held in 89 to 93%, because no resample has a kind that the sample has not.

    >>> from stagegap.stats.spread import clusters
    >>> few = unseen_share([{"a"}, {"b"}, {"a"}, {"a"}, {"a"}, {"b"}, {"c"}, {"a"}], clusters(range(8)))
    >>> few.value, few.low, round(few.high, 3)
    (0.125, 0.0, 0.751)
    """
    n, count = len(kinds), distinct(units.codes)
    if count < 2 * FEWEST:
        return unmeasured(f"too few: {n} {'record' if n == 1 else 'records'} of {count} independent units", n=n)
    holders: dict[Hashable, set[int]] = {}
    for code, own in zip(units.codes.tolist(), kinds, strict=True):
        for kind in own:
            holders.setdefault(kind, set()).add(code)
    alone = sum(any(len(holders[kind]) == 1 for kind in own) for own in kinds)
    return Estimate(
        value=alone / n,
        low=0.0,
        high=max(alone / n, _bound(kinds, units.codes, count, level)),
        n=n,
        method="Good-Turing, one-sided bound from the later half of the sample",
        level=level,
        clusters=None if count == n else count,
    )


def _bound(kinds: Sequence[AbstractSet[Hashable]], codes: NDArray[np.int64], count: int, level: float) -> float:
    """The bound for what the earlier half of the units left unseen; units in the order in which they came."""
    order = {code: place for place, code in enumerate(dict.fromkeys(codes.tolist()))}
    is_later = np.array([order[code] >= count // 2 for code in codes.tolist()])
    known: set[Hashable] = set()
    for own, later in zip(kinds, is_later.tolist(), strict=True):
        if not later:
            known |= own
    brings = np.array([bool(own - known) for own, later in zip(kinds, is_later.tolist(), strict=True) if later])
    return upper_bound(brings.astype(np.float64), codes[is_later], level=level)


def upper_bound(values: Floats, codes: NDArray[np.int64], *, level: float = 0.95) -> float:
    """One-sided bound that the mean of 0/1 values lies below; `codes` are their clusters, two at least.

    >>> round(upper_bound(np.zeros(50), np.arange(50)), 4)
    0.0582
    """
    n, size = len(values), float(len(values))
    if distinct(codes) < n:
        within = spread(values, codes)
        size = within.effective_n * (t_quantile(level, n - 1) / within.quantile(2 * level - 1)) ** 2
    mean = float(values.mean())
    return 1.0 if mean == 1 else beta_quantile(level, mean * size + 1, (1 - mean) * size)
