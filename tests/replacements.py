"""Cheaper versions with a known loss, drawn at random, and what is decided of them: `make slow` prints the table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.cheaper import Trial, cheaper_view, with_joint
from stagegap.stats.spread import clusters

Floats = NDArray[np.float64]
Sizes = Callable[[int, np.random.Generator], NDArray[np.int64]]
RIGHT = 0.85


def alone(n: int, _: np.random.Generator) -> NDArray[np.int64]:
    return np.arange(n)


def fours(n: int, _: np.random.Generator) -> NDArray[np.int64]:
    return np.arange(n) // 4


def uneven(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Clusters of Pareto sizes (1.5), at most 30 records each."""
    sizes = np.minimum(30, np.ceil(rng.pareto(1.5, n) + 1e-9).astype(np.int64) + 1)
    return np.repeat(np.arange(n), sizes)[:n]


@dataclass(frozen=True, kw_only=True)
class Setup:
    title: str
    losses: tuple[float, ...]
    """Of each candidate alone, in points; candidates meet at the end independently."""
    n: int
    margin: float = 2.0
    noise: float = 0.02
    """Share of the wrong records that a candidate mends, and as many right ones more that it breaks."""
    sizes: Sizes = alone
    is_graded: bool = False

    @property
    def breaks(self) -> tuple[float, ...]:
        """Chance of each candidate to break a right record: it loses so much and what it mends."""
        return tuple((loss / 100 + self.noise * (1 - RIGHT)) / RIGHT for loss in self.losses)

    def lost(self, chosen: Sequence[int]) -> float:
        """Points that a set of candidates truly loses together: who breaks a record is not mended by another."""
        stays = math.prod(1 - self.breaks[i] for i in chosen)
        mended = (1 - (1 - self.noise) ** len(chosen)) * (1 - RIGHT)
        return 100 * (RIGHT * (1 - stays) - mended)


SETUPS = (
    Setup(title="three lose exactly the margin", losses=(2, 2, 2), n=600),
    Setup(title="one loses exactly the margin, two nothing", losses=(2, 0, 0), n=600),
    Setup(title="three lose exactly the margin, clusters of 4", losses=(2, 2, 2), n=800, sizes=fours),
    Setup(title="three lose exactly the margin, uneven clusters", losses=(2, 2, 2), n=800, sizes=uneven),
    Setup(title="three lose exactly the margin, graded", losses=(2, 2, 2), n=400, is_graded=True),
    Setup(title="each loses half the margin and a bit, two lose more than it", losses=(1.1, 1.1, 1.1), n=2_000),
    Setup(title="five lose half the margin and a bit", losses=(1.1,) * 5, n=2_000),
    Setup(title="three lose nothing, and move 3% of the records", losses=(0, 0, 0), n=600, noise=0.1),
    Setup(title="three lose nothing", losses=(0, 0, 0), n=1_200),
    Setup(title="three lose nothing, clusters of 4", losses=(0, 0, 0), n=1_200, sizes=fours),
    Setup(title="one loses 4 points, two nothing", losses=(4, 0, 0), n=1_200),
)


@dataclass(frozen=True, kw_only=True)
class Decided:
    """Shares of the simulated views."""

    wrong: float
    """Some candidate was accepted that loses the margin or more."""
    all_good: float
    """Every candidate that loses less was accepted."""
    wrong_joint: float
    """A set was accepted that together loses the margin or more."""
    good_joint: float
    """All that lose less were accepted together."""


def decided(setup: Setup, simulations: int) -> Decided:
    """Draw views and count what is decided."""
    good = {i for i, loss in enumerate(setup.losses) if loss < setup.margin - 1e-9}
    counts = np.zeros(4)
    for seed in range(simulations):
        rng = np.random.default_rng([seed, 11])
        codes = setup.sizes(setup.n, rng)
        before, states = _outcomes(setup, codes, rng)
        units = clusters(codes.tolist())
        trials = [Trial(run=f"v{i}", stages=(f"s{i}",), before=before, after=after) for i, after in enumerate(states)]
        view = cheaper_view(
            trials, units, cascade="planted", base="v", noun="record", outcome_name="mean", margin=setup.margin / 100,
        )  # fmt: skip
        accepted = {int(run.removeprefix("v")) for run in view.together}
        counts[0] += not accepted <= good
        counts[1] += accepted >= good
        if len(accepted) > 1:
            chosen = sorted(accepted)
            together = _together(before, [states[i] for i in chosen])
            view = with_joint(view, Trial(run="all", stages=("s",), before=before, after=together), units)
        passed = accepted if view.joint is None or view.joint.standing == "not worse" else set[int]()
        counts[2] += bool(passed) and setup.lost(sorted(passed)) >= setup.margin - 1e-9
        counts[3] += bool(good) and passed >= good
    wrong, all_good, wrong_joint, good_joint = (counts / simulations).tolist()
    return Decided(wrong=wrong, all_good=all_good, wrong_joint=wrong_joint, good_joint=good_joint)


def _outcomes(setup: Setup, codes: NDArray[np.int64], rng: np.random.Generator) -> tuple[Floats, list[Floats]]:
    """The base's outcome and each candidate's; a third of the records share their cluster's luck."""
    n, count = len(codes), int(codes.max()) + 1

    def luck() -> Floats:
        together = rng.random(count)[codes]
        is_alone = bool((np.bincount(codes) <= 1).all())
        return rng.random(n) if is_alone else np.where(rng.random(n) < 1 / 3, together, rng.random(n))

    right = (luck() < RIGHT).astype(np.float64)
    states = [
        np.where(right == 1, luck() >= chance, luck() < setup.noise).astype(np.float64) for chance in setup.breaks
    ]
    if setup.is_graded:
        return _graded(right, rng), [_graded(state, rng) for state in states]
    return right, states


def _graded(state: Floats, rng: np.random.Generator) -> Floats:
    """A grade of each record in place of 1 or 0, a little another one each time; the mean moves as it did before."""
    return np.clip(0.01 + 0.98 * state + 0.02 * (rng.random(len(state)) - 0.5), 0, 1) / 0.98


def _together(before: Floats, states: Sequence[Floats]) -> Floats:
    """Right where a right record is broken by none, or a wrong one is mended by some."""
    stacked = np.stack(states)
    return np.where(before > 0.5, stacked.min(axis=0), stacked.max(axis=0))


def table(rows: Sequence[tuple[Setup, Decided]]) -> str:
    """The table of docs/method-changes.md."""
    lines = [
        "| what the candidates lose (margin 2 points) | n | one too many accepted | all good ones accepted | "
        "a set too many accepted | all good ones together |",
        "|---|---|---|---|---|---|",
    ]
    for setup, row in rows:
        good = [i for i, loss in enumerate(setup.losses) if loss < setup.margin]
        shares = (row.wrong, row.all_good, row.wrong_joint, row.good_joint)
        are_good_together = bool(good) and setup.lost(good) < setup.margin
        is_said = (max(setup.losses) >= setup.margin, bool(good), True, are_good_together)
        cells = [f"{100 * share:.1f}%" if said else "-" for share, said in zip(shares, is_said, strict=True)]
        lines.append(f"| {setup.title} | {setup.n:,} | {' | '.join(cells)} |")
    return "\n".join(lines)
