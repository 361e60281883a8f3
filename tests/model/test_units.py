from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stagegap.model.units import LONGEST, MARK, owner, owners, unit_id, unit_name, unit_names

IDS = st.text(min_size=1, max_size=8)
KEYS = st.lists(st.text(max_size=90).map(unit_name), min_size=1, max_size=3).map(tuple)


@given(record=IDS, keys=KEYS)
def test_an_id_of_a_unit_gives_its_record_and_names_back(record: str, keys: tuple[str, ...]) -> None:
    unit = unit_id(record, keys)
    assert owner(unit, len(keys)) == (record, keys)
    assert owners(unit, len(keys))[0] == record
    assert owners(unit, len(keys))[-1] == unit


def test_an_id_that_is_not_so_deep_is_no_unit() -> None:
    assert owner("mail-7", 1) is None
    assert owners("mail-7", 1) == ["mail-7"]
    assert owner("mail-7", 0) == ("mail-7", ())


@given(st.lists(st.one_of(st.text(max_size=90), st.integers(), st.none()), max_size=6))
def test_items_of_a_list_have_names_that_tell_them_apart(items: list[str | int | None]) -> None:
    for align in ("position", "value", "id"):
        names = unit_names(items, align)
        assert len(set(names)) == len(items)
        assert all(MARK not in name and len(name) <= LONGEST + 8 for name in names)


def test_a_name_is_the_text_where_it_can_be_one() -> None:
    assert unit_names([" Paris ", "Rome", "Paris"], "value") == ["Paris", "Rome", "Paris~2"]
    assert unit_names([{"id": 7}, "no item"], "id") == ["7", "null"]
    assert unit_name("a#b") != unit_name("a b")
    assert len(unit_name("x" * 200)) == len(unit_name("two\nlines")) == len(unit_name("")) == 12
