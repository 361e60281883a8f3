"""Two hundred pairs of runs with a known change, and two hundred without one: is the right stage named?"""

from __future__ import annotations

import pytest

from version_setups import SETUPS, Setup, claimed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
PAIRS = 200
LEAST = 0.95
ONE_ERROR = 0.016
"""Standard error of a share of 95% of 200."""


@pytest.mark.parametrize("setup", SETUPS[:-2], ids=lambda one: f"{one.title} {one.n}")
def test_right_stage_is_named_and_nothing_where_nothing_changed(setup: Setup) -> None:
    found = claimed(setup, PAIRS)
    assert (found.tied if setup.is_without_effect else found.right) >= LEAST


@pytest.mark.parametrize("setup", SETUPS[-2:], ids=lambda one: f"{one.title} {one.n}")
def test_both_stages_are_named_where_two_changed(setup: Setup) -> None:
    assert claimed(setup, PAIRS).right >= LEAST - ONE_ERROR
