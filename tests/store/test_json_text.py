from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.store import rows

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), part),
    max_leaves=12,
)  # fmt: skip


@given(VALUES)
def test_every_json_value_comes_back(value) -> None:
    rows.refuse_odd_numbers(value)
    assert rows.read(rows.write(value)) == value
    assert rows.read(rows.canonical(value)) == value


@given(st.text(st.characters()))
def test_every_text_is_held_and_holding_it_again_changes_nothing(value: str) -> None:
    held = rows.plain(value)
    assert held.encode().decode() == held
    assert rows.plain(held) == held
    assert rows.read(rows.write(value)) == held


def test_equal_values_have_equal_canonical_text_whatever_their_order_or_surrogates() -> None:
    assert rows.canonical({"a": 1, "b": "\ud800"}) == rows.canonical({"b": "\ud800", "a": 1})


def test_nan_is_refused_wherever_it_hides() -> None:
    with pytest.raises(ValueError, match="nan"):
        rows.refuse_odd_numbers({"a": [1, {"b": (0.5, math.nan)}]})


def test_what_json_cannot_carry_is_refused() -> None:
    deep: list[object] = []
    for _ in range(2000):
        deep = [deep]
    for odd in (deep, 2**80, object(), b"bytes"):
        with pytest.raises(ValueError, match="cannot be stored as JSON"):
            rows.write(odd)
