"""What docs/method-oddities.md promises of the screen, in hundreds of simulated runs: `make slow`."""

from __future__ import annotations

import pytest

import odd_plants
import odd_screens

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("per_cluster", [1, 3])
def test_at_most_5_percent_of_500_clean_screens_show_anything(per_cluster: int) -> None:
    cards = odd_screens.clean_cards(500, n=300, per_cluster=per_cluster)
    assert sum(bool(shown) for shown in cards) / 500 <= 0.05


@pytest.mark.parametrize("detector", list(odd_plants.PLANTS))
def test_planted_oddity_of_stated_size_is_found_in_90_percent(detector: str) -> None:
    assert odd_screens.found(detector, 100) >= 0.9
