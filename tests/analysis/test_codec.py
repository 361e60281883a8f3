from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Literal

import pytest

from stagegap.analysis.views import from_json, plain, to_json
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.run import RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    estimate: Estimate
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    parts: tuple[Part, ...]
    matrix: tuple[tuple[int, ...], ...]
    counts: dict[str, int]
    status: RunStatus
    note: str | None = None
    good: float | None = None
    flag: bool = False


WHOLE = Whole(
    parts=(
        Part(estimate=unmeasured("too few: 1 record", n=1)),
        Part(kind="b", estimate=Estimate(value=0.5, low=0.25, high=1.0, n=9, method="Wilson", clusters=3)),
    ),
    matrix=((1, 2), (3, 4)),
    counts={"b": 1, "a": 2},
    status=RunStatus.DONE,
    good=0.8,
)


def test_a_view_comes_back_as_it_was():
    back = from_json(Whole, to_json(WHOLE))
    assert back.parts[1:] == WHOLE.parts[1:]
    assert math.isnan(back.parts[0].estimate.value)
    assert (back.matrix, back.counts, back.status, back.note, back.good) == (
        WHOLE.matrix,
        WHOLE.counts,
        RunStatus.DONE,
        None,
        0.8,
    )


def test_nan_is_null_and_keys_are_in_a_stable_order():
    text = to_json(WHOLE)
    assert "NaN" not in text
    assert json.loads(text)["parts"][0]["estimate"]["value"] is None
    assert text.index('"a":2') < text.index('"b":1')
    assert plain(WHOLE)["status"] == "done"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": "odd"}, "no such status"),
        ({"parts": {}}, "an object instead of a list"),
        ({"parts": [3]}, "a number instead of an object"),
        ({"matrix": [[1.5]]}, "a fraction instead of a count"),
        ({"counts": {"a": True}}, "a boolean instead of a count"),
        ({"good": "high"}, "a text instead of a number"),
        ({"parts": [{"estimate": None, "kind": "c"}]}, "no estimate"),
    ],
)
def test_text_that_is_no_such_view_is_refused(change: dict[str, object], why: str):
    with pytest.raises(ValueError, match="this is not a Whole"):
        from_json(Whole, json.dumps(plain(WHOLE) | change))


def test_a_literal_is_checked():
    with pytest.raises(ValueError, match="'c' is none of"):
        from_json(Part, json.dumps(plain(WHOLE.parts[1]) | {"kind": "c"}))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null"])
def test_anything_else_is_refused_too(text: str):
    with pytest.raises(ValueError, match="this is not a Part"):
        from_json(Part, text)


def test_what_a_view_can_not_hold_is_an_error():
    with pytest.raises(TypeError, match="a view can't hold set"):
        to_json({"a": {1}})
    with pytest.raises(ValueError, match="Out of range"):
        to_json((math.inf,))


def test_a_view_that_was_stored_before_a_field_came_to_be_gets_its_default():
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Older:
        name: str
        note: str | None = None

    assert from_json(Older, '{"name":"a"}') == Older(name="a")
    with pytest.raises(ValueError, match="this is not a Older: 'name'"):
        from_json(Older, '{"note":"b"}')
