from __future__ import annotations

import pytest

from stagegap.analysis.runs import config_differences


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("{}", "{}", []),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', []),
        ('{"a": {"b": {"c": 1}}}', '{"a": {"b": {"c": 2}}}', [("a.b.c", "1", "2")]),
        ('{"a": 1}', "{}", [("a", "1", None)]),
        ("{}", '{"a": null}', [("a", None, "null")]),
        ('{"a": "1"}', '{"a": 1}', [("a", "1", "1")]),
        ('{"a": ["x"]}', '{"a": ["x", "y"]}', [("a", '["x"]', '["x", "y"]')]),
        ('{"a": [{"x": 1}, {"x": 2}]}', '{"a": [{"x": 1}, {"x": 3}]}', [("a.002.x", "2", "3")]),
        ('{"a": {"x": 1}}', '{"a": 1}', [("a", '{"x": 1}', "1")]),
        ('{"b": 1, "a": 1}', '{"b": 2, "a": 2}', [("a", "1", "2"), ("b", "1", "2")]),
        ("1", "2", [("", "1", "2")]),
    ],
)
def test_each_key_that_differs_is_given_with_both_values(
    before: str, after: str, expected: list[tuple[str, str | None, str | None]]
):
    assert [(c.path, c.before, c.after) for c in config_differences(before, after)] == expected


def test_what_is_no_json_is_refused():
    with pytest.raises(ValueError, match="Expecting"):
        config_differences("{", "{}")
