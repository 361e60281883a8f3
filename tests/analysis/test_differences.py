"""How two answers differ."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stagegap.analysis.record_view import MOST_WORDS, Mark, list_difference, word_difference


def test_lists_say_what_is_missing_and_what_is_extra() -> None:
    found = list_difference(["b", "x"], ["a", "b"])
    assert found.system == (Mark("same", "b"), Mark("extra", "x"))
    assert found.reference == (Mark("missing", "a"), Mark("same", "b"))
    assert found.count == 2


def test_order_alone_is_no_difference() -> None:
    assert list_difference(["a", "b"], ["b", "a"]).count == 0


def test_words_are_compared_and_blanks_kept() -> None:
    found = word_difference("We refund\nwithin 30 days.", "We refund within 14 days.")
    assert found is not None
    assert found.system == (Mark("same", "We refund\nwithin "), Mark("extra", "30 "), Mark("same", "days."))
    assert found.reference == (Mark("same", "We refund within "), Mark("missing", "14 "), Mark("same", "days."))


def test_text_that_is_too_long_is_not_compared() -> None:
    assert word_difference("a " * (MOST_WORDS + 1), "a") is None


@given(st.text("ab \n\t", max_size=30), st.text("ab \n\t", max_size=30))
def test_pieces_of_a_side_are_its_text(system: str, reference: str) -> None:
    found = word_difference(system, reference)
    assert found is not None
    assert "".join(mark.text for mark in found.system) == system
    assert "".join(mark.text for mark in found.reference) == reference
    assert (found.count == 0) == (system.split() == reference.split())
