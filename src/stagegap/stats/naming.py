"""How many records it takes until the worst stage is named, with what a pilot leaves open integrated over."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.stats.distributions import normal_quantile

Floats = NDArray[np.float64]

POWER = 0.95
MOST = 40.0
"""Budgets beyond this many times the records there are count as no sensible number."""
ENOUGH_FOR = 0.8
"""Share of the truths that the pilot does not exclude for which the budget must be enough."""
DRAWS = 2_000
_STEP = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """What a budget would buy."""

    records: int
    """In all, those of the pilot included."""
    share: float
    """Chance that the stage that is truly worst is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many records in all would name the worst stage."""

    records: int | None
    """The budget; None when it is no sensible number."""
    chances: tuple[Chance, ...]
    """From the records there are upwards."""


def records_to_name(
    values: Floats,
    drawn: Floats,
    *,
    n: int,
    rng: np.random.Generator,
    level: float,
    power: float = POWER,
    most: float = MOST,
) -> Budget:
    """Give the budget at which the truly worst stage is named with this power, however the pilot may have misled.

    `drawn` is resamples x stages of the gains `values` from a pilot of n records. Each resample stands for a truth
    that the pilot does not exclude; each has its own budget, at which the lead over every other stage reaches
    `level` with this power. The answer is the budget that is enough for four fifths of these truths: a formula
    that takes the observed lead as the truth promises too much whenever the lead was large by luck. `chances` are the
    assurance (O'Hagan, Stevens & Campbell 2005): the chance of the right name averaged over all of them, those in
    which the stages are all but equal included. One record that moved by chance is added to the spread, because a
    pilot in which nothing moved is no proof that nothing does.
    """
    usable = drawn[~np.isnan(drawn).any(axis=1)]
    k = len(values)
    if n < 2 or not len(usable) or not k:
        return Budget(records=None, chances=())
    picked = usable[rng.integers(0, len(usable), (2, DRAWS))]
    noise = picked - values + rng.normal(0.0, math.sqrt(0.5) / n, (2, DRAWS, k))
    truth, later = values + noise[0], noise[1]
    errors = (later[:, :, None] - later[:, None, :]).std(axis=0)
    np.fill_diagonal(errors, later.std(axis=0))
    factor = float(np.quantile(_factors(truth, errors, level=level, power=power), ENOUGH_FOR, method="higher"))
    steps = math.ceil(math.log(most) / math.log(_STEP))
    return Budget(
        records=max(n, _tens(n * factor)) if factor <= most else None,
        chances=tuple(
            Chance(
                records=_tens(n * _STEP**step) if step else n,
                share=_share(values, truth, later, errors, factor=_STEP**step, level=level),
            )
            for step in range(steps + 1)
        ),
    )


def _factors(truth: Floats, errors: Floats, *, level: float, power: float) -> Floats:
    """Give, for each truth, how many times the pilot's records its worst stage needs."""
    best, leads = _leads(truth)
    wanted = (_critical(len(errors), best, level=level) + normal_quantile(power)) * errors[best]
    return (np.divide(wanted, leads, out=np.full_like(leads, np.inf), where=leads > 0) ** 2).max(axis=1)


def _share(values: Floats, truth: Floats, later: Floats, errors: Floats, *, factor: float, level: float) -> float:
    """Give the share of truths whose worst stage would be named, the pilot being part of the records."""
    shown = truth + (values - truth) / factor + later * math.sqrt(factor - 1) / factor
    best, leads = _leads(shown)
    limits = _critical(len(errors), best, level=level) * errors[best] / math.sqrt(factor)
    return float(((leads > limits).all(axis=1) & (best == truth.argmax(axis=1))).mean())


def _leads(gains: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Give the place of the largest gain in each row, and its lead over every other; over nothing in its own place."""
    rows, best = np.arange(len(gains)), gains.argmax(axis=1)
    leads = gains[rows, best][:, None] - gains
    leads[rows, best] = gains[rows, best]
    return best, leads


def _critical(k: int, best: NDArray[np.intp], *, level: float) -> Floats:
    """Give the quantiles that the leads must pass: the naming level for a lead, 95% for the gain itself."""
    found = np.full((len(best), k), normal_quantile((1 + level) / 2))
    found[np.arange(len(best)), best] = normal_quantile(0.975)
    return found


def _tens(records: float) -> int:
    return math.ceil(records / 10) * 10
