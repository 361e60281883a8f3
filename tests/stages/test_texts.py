from __future__ import annotations

import pytest

from stagegap.model.record import Json
from stagegap.stages.templates import joined


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["Tent", "poles"], "Tent\npoles"),
        ([None, "", "a"], "\na"),
        ([{"title": "A", "fields": {"n": 2}}, ["b", True]], "A\n2\nb\nTrue"),
        ([], ""),
    ],
)
def test_all_text_in_the_values_is_joined_one_line_a_value(values: list[Json], text: str) -> None:
    assert joined(values) == text
