"""Pairs of versions with a known change, drawn at random, and what is claimed of them.

In every setup all three stages were rewritten, so that each is under suspicion; what the rewrite did is the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

import planted
from versions import Versions, told

SKILL = {"A": 0.95, "B": 0.75, "C": 0.9}
BASE = planted.Planted(shape=planted.CHAIN[3], skill=SKILL, recovery={"C": 0.1})
Draw = Callable[[np.random.Generator], tuple[Versions, Mapping[str, str]]]


@dataclass(frozen=True, kw_only=True)
class Setup:
    title: str
    draw: Draw
    n: int
    noisy: bool
    """The rewritten stages answer every record anew (a model that samples); otherwise only the skill moves."""
    per_cluster: int = 1

    @property
    def is_without_effect(self) -> bool:
        return self.draw is nothing


def nothing(_: np.random.Generator) -> tuple[Versions, Mapping[str, str]]:
    return Versions(base=BASE, new=SKILL), {}


def one(points: float) -> Draw:
    """One stage, drawn at random, gains or loses so many points of skill."""

    def draw(rng: np.random.Generator) -> tuple[Versions, Mapping[str, str]]:
        stage = "ABC"[rng.integers(3)]
        sign = -1 if SKILL[stage] + points > 0.99 or rng.random() < 0.5 else 1
        word = "improved" if sign > 0 else "regressed"
        return Versions(base=BASE, new={**SKILL, stage: SKILL[stage] + sign * points}), {stage: word}

    return draw


def against(_: np.random.Generator) -> tuple[Versions, Mapping[str, str]]:
    """B gains what C loses, so that the end is as it was."""
    return Versions(base=BASE, new={"A": 0.95, "B": 0.87, "C": 0.79}), {"B": "improved", "C": "regressed"}


def used_to_old(_: np.random.Generator) -> tuple[Versions, Mapping[str, str]]:
    """C is better beside the old B and much worse beside the new one."""
    new = {"A": 0.95, "B": 0.9, "C": 0.92}
    return Versions(base=BASE, new=new, clash={("B", "C"): 0.2}), {"B": "improved", "C": "regressed"}


SETUPS = (
    Setup(title="nothing changed, answers anew", draw=nothing, n=100, noisy=True),
    Setup(title="nothing changed, answers anew", draw=nothing, n=600, noisy=True),
    Setup(title="nothing changed, answers anew, clusters of 4", draw=nothing, n=600, noisy=True, per_cluster=4),
    Setup(title="one stage by 10 points", draw=one(0.10), n=300, noisy=False),
    Setup(title="one stage by 10 points, answers anew", draw=one(0.10), n=1_000, noisy=True),
    Setup(
        title="one stage by 10 points, answers anew, clusters of 4", draw=one(0.10), n=2_000, noisy=True, per_cluster=4
    ),
    Setup(title="two that cancel at the end, answers anew", draw=against, n=1_500, noisy=True),
    Setup(title="C got used to the old B, answers anew", draw=used_to_old, n=5_000, noisy=True),
)


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """What was claimed of many pairs, as shares of them."""

    right: float
    """Exactly the stages with an effect were named, in the right direction."""
    wrong: float
    """A stage was named that has none, or the other direction."""
    missed: float
    """A stage with an effect was not named."""
    tied: float
    """Every stage and the total were said to be tied."""


def claimed(setup: Setup, pairs: int) -> Claimed:
    """Draw pairs and count what is claimed of them."""
    right = wrong = missed = tied = 0
    for seed in range(pairs):
        versions, truth = setup.draw(np.random.default_rng([seed, 7]))
        found = told(versions, setup.n, seed=seed, noisy=setup.noisy, per_cluster=setup.per_cluster)
        right += found.named == truth
        wrong += any(truth.get(stage) != word for stage, word in found.named.items())
        missed += any(found.named.get(stage) != word for stage, word in truth.items())
        tied += found.is_tied
    return Claimed(right=right / pairs, wrong=wrong / pairs, missed=missed / pairs, tied=tied / pairs)
