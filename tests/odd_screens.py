"""How often screens of simulated runs show something: in the gate a few, in `make slow` hundreds."""

from __future__ import annotations

import numpy as np

import odd_plants
import odd_runs
from stagegap.oddities.card import Oddity, Screen
from stagegap.oddities.columns import RunColumns
from stagegap.oddities.screen import look, screen


def screened(run: RunColumns) -> Screen:
    return screen(
        look(run), cascade="odd", noun="mail", records=run.n,
        naming=lambda _run, places: (tuple(f"r{p}" for p in places), "first words" if places else ""),
    )  # fmt: skip


def clean_cards(simulations: int, *, n: int, per_cluster: int, seed: int = 5) -> list[tuple[Oddity, ...]]:
    """The cards of screens of runs in which nothing is odd."""
    rng = np.random.default_rng(seed)
    return [screened(odd_runs.clean(rng, n, per_cluster=per_cluster)).cards for _ in range(simulations)]


def found(detector: str, simulations: int, *, per_cluster: int = 1, seed: int = 7) -> float:
    """The share of simulated runs with one planted oddity in which its detector shows it."""
    rng = np.random.default_rng(seed)
    shown = 0
    for _ in range(simulations):
        run = odd_plants.PLANTS[detector](odd_runs.clean(rng, per_cluster=per_cluster), rng)
        shown += any(card.detector == detector for card in screened(run).cards)
    return shown / simulations
