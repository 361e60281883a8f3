from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.metrics import metric
from stagegap.metrics.texts import normal
from stagegap.model.answer import Answer
from stagegap.model.record import Json


def score(name: str, value: Json, wanted: Json) -> float:
    return metric(name).compare(value, Answer(value=wanted))


def test_characters_of_the_textbook_need_three_edits() -> None:
    assert score("char_accuracy", "sitting", "kitten") == pytest.approx(1 - 3 / 6)
    assert score("char_accuracy", "kitten", "sitting") == pytest.approx(1 - 3 / 7)


def test_words_that_are_left_out_put_in_and_changed_are_one_edit_each() -> None:
    # "the cat sat on the mat": one changed, one left out, one put in, of six.
    assert score("word_accuracy", "the dog sat the big mat", "the cat sat on the mat") == pytest.approx(1 - 3 / 6)


def test_more_edits_than_words_are_zero_and_not_less() -> None:
    assert score("word_accuracy", "one two three four five", "six") == 0
    assert score("char_accuracy", "abcdefgh", "x") == 0


def test_white_space_and_unicode_forms_are_no_edits_and_case_is_one_unless_folded() -> None:
    assert score("char_accuracy", " cafe\u0301\n au  lait ", "caf\u00e9 au lait") == 1
    assert score("word_accuracy", "Hello, World", "hello world") == 0
    assert score("folded_word_accuracy", "Hello, World", "hello world") == 1


def test_empty_reference_is_met_by_nothing_alone() -> None:
    for name in ("char_accuracy", "word_accuracy", "folded_word_accuracy"):
        assert score(name, "", "  ") == 1
        assert score(name, "a", "") == 0
        assert score(name, "", "a") == 0
        assert score(name, None, "a") == 0


@given(ours=st.text(max_size=12), theirs=st.text(max_size=12))
@pytest.mark.parametrize("name", ["char_accuracy", "word_accuracy", "folded_word_accuracy"])
def test_accuracy_lies_in_bounds_and_is_full_for_the_same(name: str, ours: str, theirs: str) -> None:
    assert 0 <= score(name, ours, theirs) <= 1
    assert score(name, ours, ours) == 1


@given(words=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=10), place=st.integers(0, 9))
def test_one_word_changed_costs_its_share(words: list[str], place: int) -> None:
    changed = [*words]
    changed[place % len(words)] = "other"
    assert score("word_accuracy", " ".join(changed), " ".join(words)) == pytest.approx(1 - 1 / len(words))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RM 1,234.50", "1234.5"),
        ("$9.00", "9"),
        ("9.00 EUR", "9"),
        ("1.234,50", "1234.50"),
        ("12,50", "12.5"),
        ("1,234", "1234"),
        ("1.234.567", "1234567"),
        ("1'234.50", "1,234.50"),
        ("-5.00", "- 5"),
        ("0.50", ".5 ".replace(".5", "0.5")),
        ("25/12/2018", "2018-12-25"),
        ("25/12/18", "25-12-2018"),
        ("12/25/2018", "25.12.2018"),
        ("25 DEC 2018", "December 25, 2018"),
        ("25-Dec-18", "25 december 2018"),
        ("1st Jan 1999", "01/01/99"),
        ("JALAN SAGU 18,", "Jalan  Sagu, 18."),
        (9, "9.00"),
    ],
)
def test_values_that_say_the_same_are_equal(one: Json, other: Json) -> None:
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.234", "1234"),
        ("12.50", "12.05"),
        ("-5", "5"),
        ("0041", "41"),
        ("03/04/2018", "04/03/2018"),
        ("31/02/2018", "2018-03-03"),
        ("12 Foo 2018", "12/01/2018"),
        ("12.50 kg", "12.50"),
        (True, 1),
        ("1", True),
        ("2018", "25/12/2018"),
    ],
)
def test_values_that_say_something_else_differ(one: Json, other: Json) -> None:
    assert normal(one) != normal(other)


def test_fields_count_one_by_one_and_empty_ones_are_not_there() -> None:
    wanted = {"company": "BOOK TA .K", "date": "25/12/2018", "address": "NO 5", "total": "9.00"}
    given_fields = {"company": "Book Ta K", "date": "2018-12-25", "address": None, "total": "RM9.10"}
    # 3 given, 4 wanted, 2 the same.
    assert score("loose_field_f1", given_fields, wanted) == pytest.approx(4 / 7)
    assert score("field_f1", given_fields, wanted) == 0
    assert score("loose_field_f1", {"a": "", "b": None}, {}) == 1
    assert score("loose_field_f1", {"items": [{"n": "1.0"}, {"n": "2"}]}, {"items": [{"n": 2}, {"n": 1}]}) == 1
    assert score("loose_field_f1", {}, wanted) == 0


@given(st.dictionaries(st.sampled_from("abc"), st.text(max_size=9) | st.integers() | st.booleans() | st.none()))
def test_fields_are_like_themselves(fields: dict[str, Json]) -> None:
    assert score("loose_field_f1", fields, fields) == 1
    assert 0 <= score("loose_field_f1", fields, {"a": "x"}) <= 1


@given(st.text(max_size=20))
def test_any_text_has_a_normal_form_and_it_is_a_fixed_one(text: str) -> None:
    assert normal(text) == normal(text.upper()) or text.upper().casefold() != text.casefold()
