from __future__ import annotations

from hypothesis import given

from exchange.material import texts
from stagegap.exchange.typed import bare, cell, guarded, unguarded


@given(text=texts)
def test_guarded_text_begins_no_formula_and_comes_back(text: str) -> None:
    assert guarded(text)[:1] not in tuple("=+-@\t\r")
    assert unguarded(guarded(text)) == text
    assert unguarded(bare(text)) == text


def test_cell_holds_nothing_a_text_or_json() -> None:
    values = [None, "", "-1", -1, 0.1, True, ["=a"], {"a": None}]
    assert [cell(value, raw=False) for value in values] == [
        "", "", "'-1", "-1", "0.1", "true", '["=a"]', '{"a": null}',
    ]  # fmt: skip
    assert cell("-1", raw=True) == "-1"
