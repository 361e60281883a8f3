from __future__ import annotations

import pytest

from stagegap.stages.endpoint import LIST_PRICES, TokenPrice, token_price


def test_the_file_overrides_the_list() -> None:
    assert token_price({"input": 1, "output": 2}, "gpt-4o", is_official=True) == TokenPrice(1, 2)


@pytest.mark.parametrize(
    ("model", "named"),
    [("gpt-4o", "gpt-4o"), ("gpt-4o-2024-08-06", "gpt-4o"), ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini")],
)
def test_a_model_costs_what_the_list_says(model: str, named: str) -> None:
    assert token_price(None, model, is_official=True) == LIST_PRICES[named]


def test_what_is_unknown_stays_unknown() -> None:
    assert token_price(None, "gpt-99", is_official=True) is None
    assert token_price(None, "gpt-4o", is_official=False) is None
