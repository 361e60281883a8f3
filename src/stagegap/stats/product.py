"""The product of two independent estimates."""

from __future__ import annotations

import math

from stagegap.model.estimate import Estimate, unmeasured


def product(a: Estimate, b: Estimate) -> Estimate:
    """A times b for two independent estimates, b a share, with an interval from their intervals.

    MOVER: the squares of the distances of the limits add up, each weighted by the other value (Zou & Donner 2008).
    Where one of the two is certain, the interval is the other's, times it. A negative a turns the limits of b round.

    >>> def share(value, low, high): return Estimate(value=value, low=low, high=high, n=50, method="x")
    >>> e = product(share(0.5, 0.4, 0.6), share(0.2, 0.2, 0.2))
    >>> round(e.low, 3), round(e.value, 3), round(e.high, 3)
    (0.08, 0.1, 0.12)
    """
    for part in (a, b):
        if not part.is_measured:
            return unmeasured(part.method, n=part.n)
    value = a.value * b.value
    down, up = (b.value - b.low, b.high - b.value) if a.value >= 0 else (b.high - b.value, b.value - b.low)
    below = math.hypot(b.value * (a.value - a.low), a.value * down)
    above = math.hypot(b.value * (a.high - a.value), a.value * up)
    return Estimate(
        value=value,
        low=max(0.0 if a.low >= 0 else -1.0, value - below),
        high=min(1.0, value + above),
        n=a.n,
        method=f"product of two estimates (MOVER): {a.method}; {b.method}",
        level=a.level,
        clusters=a.clusters,
    )
