"""Do 95% intervals hold the truth 95 times in 100? Samples whose truth is known, simulated and enumerated.

`tests/stats/test_coverage.py` runs a few in the gate, `make slow` all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate
from stagegap.stats.intervals import paired_difference, wilson
from stagegap.stats.resample import Resamples, resample
from stagegap.stats.spread import Clusters, clusters
from uneven import JUDGING

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator], tuple[dict[str, Floats], Clusters]]


def units(n_clusters: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Clusters of 1 to 8 records; the sizes are random too."""
    return np.repeat(np.arange(n_clusters), rng.integers(1, 9, n_clusters))


def shared(codes: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """Uniform luck of each record; a third of the records take that of their cluster."""
    own, together = rng.random(len(codes)), rng.random(int(codes.max()) + 1)[codes]
    return np.where(rng.random(len(codes)) < 1 / 3, together, own)


def luck(n: int | None, n_clusters: int | None, rng: np.random.Generator) -> tuple[Floats, Clusters]:
    if n_clusters is None:
        assert n is not None
        return rng.random(n), Clusters(codes=np.arange(n), count=n)
    codes = units(n_clusters, rng)
    return shared(codes, rng), clusters(codes.tolist())


def binary(p: float, n: int | None = None, c: int | None = None) -> Draw:
    def draw(rng: np.random.Generator) -> tuple[dict[str, Floats], Clusters]:
        u, k = luck(n, c, rng)
        return {"a": (u < p).astype(float)}, k

    return draw


def gain(up: float, down: float, n: int | None = None, c: int | None = None) -> Draw:
    def draw(rng: np.random.Generator) -> tuple[dict[str, Floats], Clusters]:
        u, k = luck(n, c, rng)
        before = u >= 0.3 + up
        before |= u < down
        after = (before | (u >= 0.3)) & (u >= down)
        return {"b": after.astype(float), "a": before.astype(float)}, k

    return draw


def graded(n: int | None = None, c: int | None = None) -> Draw:
    def draw(rng: np.random.Generator) -> tuple[dict[str, Floats], Clusters]:
        u, k = luck(n, c, rng)
        return {"a": np.minimum(1.0, u**0.4)}, k

    return draw


def mean(drawn: Resamples) -> Estimate:
    return drawn.mean("a")


def difference(drawn: Resamples) -> Estimate:
    return drawn.difference("b", "a")


def graded_gain(n: int | None = None, c: int | None = None) -> Draw:
    def draw(rng: np.random.Generator) -> tuple[dict[str, Floats], Clusters]:
        u, k = luck(n, c, rng)
        before = np.minimum(1.0, u**0.8)
        return {"b": np.minimum(1.0, u**0.4 * rng.beta(8, 2, len(u))), "a": before}, k

    return draw


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row: how samples are drawn, which figure is looked at, and what is true."""

    figure: str
    draw: Draw
    estimate: Callable[[Resamples], Estimate]
    truth: float
    rates: tuple[float, ...] = ()
    """What happens to a record: (share right) or (up, down); empty for graded scores."""
    n: int | None = None
    """Records; None where clusters are drawn."""
    expected: float = math.inf
    """Records that the rarer thing befalls on average; of clusters as many as their independent worth."""

    @property
    def is_rare(self) -> bool:
        """Ten or fewer events: intervals can take so few values that none of them covers 95%."""
        return self.expected <= 10.5


WORTH = {9: 26, 15: 43, 30: 88, 60: 180, 250: 750}
"""Independent records that so many clusters are worth: their variance, simulated."""


def settings() -> list[Setting]:
    found: list[Setting] = []
    for n, c in [(50, None), (200, None), (1000, None), (None, 9), (None, 15), (None, 30), (None, 60), (None, 250)]:
        where = f"{n} records" if c is None else f"{c} clusters of 1 to 8"
        worth = n if c is None else WORTH[c]
        assert worth is not None
        found += [
            Setting(
                figure=f"share {p}, {where}",
                draw=binary(p, n, c),
                estimate=mean,
                truth=p,
                rates=(p,),
                n=n,
                expected=worth * min(p, 1 - p),
            )
            for p in (0.5, 0.8, 0.95)
        ]
        found += [
            Setting(
                figure=f"gain +{up} -{down}, {where}",
                draw=gain(up, down, n, c),
                estimate=difference,
                truth=up - down,
                rates=(up, down),
                n=n,
                expected=worth * (up + down),
            )
            for up, down in ((0.2, 0.05), (0.05, 0.01))
        ]
        found.append(Setting(figure=f"graded score, {where}", draw=graded(n, c), estimate=mean, truth=1 / 1.4))
        truth = 0.8 / 1.4 - 1 / 1.8
        found.append(Setting(figure=f"graded gain, {where}", draw=graded_gain(n, c), estimate=difference, truth=truth))
    return found


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How often intervals held the truth."""

    setting: Setting
    covered: float
    exact: float | None
    """By enumeration of all samples, without chance; None for clusters and graded scores."""
    below: float
    """Share of intervals that lie below the truth."""
    above: float
    width: float

    @property
    def holds(self) -> bool:
        """Within 93.5 to 96.5%, two standard errors of 2,000 simulations allowed; above it only for rare events."""
        at = self.covered if self.exact is None else self.exact
        slack = 0.01 if self.exact is None else 0.0
        return at >= 0.935 - slack and (at <= 0.965 + slack or self.setting.is_rare)


def coverage(setting: Setting, *, simulations: int, resamples: int) -> Coverage:
    """Draw samples and count; score intervals of 0/1 figures take nothing from the resamples, so a few must do."""
    rng = np.random.default_rng(JUDGING)
    resamples = 100 if setting.rates else resamples
    found: list[Estimate] = []
    for _ in range(simulations):
        columns, codes = setting.draw(rng)
        found.append(setting.estimate(resample(columns, codes, rng=rng, resamples=resamples)))
    below = float(np.mean([one.high < setting.truth for one in found]))
    above = float(np.mean([one.low > setting.truth for one in found]))
    return Coverage(
        setting=setting,
        covered=1 - below - above,
        exact=exact(setting),
        below=below,
        above=above,
        width=float(np.mean([one.high - one.low for one in found])),
    )


def exact(setting: Setting) -> float | None:
    """The coverage by enumerating every count that a sample can show."""
    n, rates = setting.n, setting.rates
    if n is None or not rates:
        return None
    if len(rates) == 1:
        chances = [(_chance(k, n, rates[0]), wilson(k / n, n=n)) for k in range(n + 1)]
    else:
        up, down = rates
        chances = [
            (chance, paired_difference(up=b / n, down=c / n, n=n))
            for b in range(n + 1)
            for c in range(n - b + 1)
            if (chance := _chance(b, n, up) * _chance(c, n - b, down / (1 - up))) > 1e-8
        ]
    whole = math.fsum(chance for chance, _ in chances)
    return math.fsum(chance for chance, one in chances if one.low <= setting.truth <= one.high) / whole


def _chance(k: int, n: int, p: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(p) + (n - k) * math.log1p(-p))
