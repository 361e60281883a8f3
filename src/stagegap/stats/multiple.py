"""Many claims at once: adjusted p-values that can be compared with the level as they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def bonferroni(p: Floats) -> Floats:
    """Adjust for the chance of any false claim: p times the number of claims."""
    return np.minimum(1.0, p * len(p))


def holm(p: Floats) -> Floats:
    """Adjust for the chance of any false claim, step down (Holm 1979); never weaker than Bonferroni.

    For claims such as "this stage is below a person".

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    return _placed(np.maximum.accumulate(p[order] * factors), order)


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjust for the share of false claims among the claims (Benjamini & Hochberg 1995): independent or positive.

    For screens, where a few false alarms do no harm.
    """
    return _step_up(p, 1.0)


def benjamini_yekutieli(p: Floats) -> Floats:
    """Adjust for the share of false claims under any dependence (Benjamini & Yekutieli 2001)."""
    return _step_up(p, float((1 / np.arange(1, len(p) + 1)).sum()) if len(p) else 1.0)


def _step_up(p: Floats, penalty: float) -> Floats:
    order = np.argsort(p, kind="stable")[::-1]
    factors = penalty * len(p) / np.arange(len(p), 0, -1)
    return _placed(np.minimum.accumulate(p[order] * factors), order)


def _placed(adjusted: Floats, order: NDArray[np.intp]) -> Floats:
    placed = np.empty(len(order))
    placed[order] = np.minimum(1.0, adjusted)
    return placed
