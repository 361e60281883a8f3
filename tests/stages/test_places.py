from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stagegap.model.cascade import PLACES, Kind, OutputType
from stagegap.stages.acceptance import Accepted, Rejected, accept, accept_answer, check_for
from stagegap.stages.conversation import answer_schema
from stagegap.stages.mending import read_answer

BOXES = OutputType(kind=Kind.BOXES)
LABELLED = OutputType(kind=Kind.BOXES, values=("total", "date"))
SPANS = OutputType(kind=Kind.SPANS, values=("PER", "ORG"))
SEGMENTS = OutputType(kind=Kind.SEGMENTS)


def reason(output: OutputType, value: object) -> str:
    rejected = accept(output, value, ())
    assert isinstance(rejected, Rejected)
    return rejected.reason


def test_rectangles_keep_their_order_and_spans_are_put_in_theirs() -> None:
    lines = [{"x": 5, "y": 90.5, "w": 10, "h": 4, "text": "b"}, {"x": 5, "y": 2, "w": 10, "h": 4, "label": "a"}]
    assert accept(BOXES, tuple(lines), ()) == Accepted(lines)
    spans = [{"start": 9, "end": 12, "label": "ORG"}, {"start": 0, "end": 5, "label": "PER"}]
    assert accept(SPANS, spans, ()) == Accepted([spans[1], spans[0]])
    assert accept(SEGMENTS, [], ()) == Accepted([])


def test_numbers_of_numpy_become_plain_and_empty_words_are_left_out() -> None:
    place = {"x": np.float32(1.5), "y": np.int64(2), "w": 3, "h": 4, "label": None}
    assert accept(BOXES, [place], ()) == Accepted([{"x": 1.5, "y": 2, "w": 3, "h": 4}])


@pytest.mark.parametrize(
    ("output", "value", "told"),
    [
        (BOXES, "none", "A list of rectangles was expected, found 'none'."),
        (BOXES, [[1, 2, 3, 4]], "The rectangle 1: an object with x, y, w, h was expected, found '[1, 2, 3, 4]'."),
        (BOXES, [{"x": 1, "y": 2, "w": 3}], "The rectangle 1: its h is a number, found 'None'."),
        (BOXES, [{"x": True, "y": 2, "w": 3, "h": 4}], "The rectangle 1: its x is a number, found 'True'."),
        (BOXES, [{"x": 1, "y": 2, "w": 3, "h": float("nan")}], "The rectangle 1: its h is a finite number, found nan."),
        (BOXES, [{"x": 1, "y": 2, "w": 0, "h": 4}], "The rectangle 1: width and height are above 0, found 0 x 4."),
        (
            BOXES,
            [{"x": 1, "y": 2, "w": 3, "h": 4, "txt": "a"}],
            "The rectangle 1: it has the key 'txt'. Did you mean text?",
        ),
        (BOXES, [{"x": 1, "y": 2, "w": 3, "h": 4, "text": 7}], "The rectangle 1: its text is a text, found '7'."),
        (LABELLED, [{"x": 1, "y": 2, "w": 3, "h": 4}], "The rectangle 1: it has no label. Known: date, total."),
        (
            LABELLED,
            [{"x": 1, "y": 2, "w": 3, "h": 4, "label": "totl"}],
            "The rectangle 1: 'totl' is none of the labels. Did you mean total?",
        ),
        (SPANS, [{"start": 5, "end": 5, "label": "PER"}], "The span 1: 0 <= start < end was expected, found 5 to 5."),
        (SPANS, [{"start": -1, "end": 5, "label": "PER"}], "The span 1: 0 <= start < end was expected, found -1 to 5."),
        (
            SPANS,
            [{"start": 0, "end": 1.5, "label": "PER"}],
            "The span 1: start and end count characters, so they are whole numbers.",
        ),
        (SEGMENTS, [{"start": 0, "end": 1}, 3], "The segment 2: an object with start, end was expected, found '3'."),
    ],
)
def test_what_is_no_place_is_told(output: OutputType, value: object, told: str) -> None:
    assert reason(output, value) == told


def test_too_many_places_are_refused() -> None:
    assert reason(SEGMENTS, [{"start": 0, "end": 1}] * 2_001) == "An answer holds at most 2,000 segments, found 2,001."


def test_people_and_models_go_through_the_same_gate() -> None:
    value = [{"start": 0.5, "end": 1.25, "text": "hello"}]
    assert accept_answer(SEGMENTS, value, ()) == Accepted(value)
    assert isinstance(accept_answer(SEGMENTS, [{"start": 2, "end": 1}], ()), Rejected)
    said = 'Here they are: ```json\n[{"start": 0.5, "end": 1.25, "text": "hello"}]\n```'
    answer = read_answer(SEGMENTS, said, check_for(SEGMENTS, ()))
    assert (answer.answer, answer.is_mended) == (Accepted(value), True)


def test_transcript_is_taken_as_it_stands() -> None:
    output = OutputType(kind=Kind.TRANSCRIPT)
    answer = read_answer(output, " hello\n", check_for(output, ()))
    assert (answer.answer, answer.is_mended) == (Accepted(" hello\n"), False)
    assert isinstance(accept(output, 3, ()), Rejected)
    assert answer_schema(output) is None


@pytest.mark.parametrize("kind", PLACES)
def test_models_are_asked_for_places_by_a_schema_that_the_gate_accepts(kind: Kind) -> None:
    asked = answer_schema(OutputType(kind=kind, values=("a", "b")))
    assert asked is not None
    assert asked[1]
    properties = place_of(asked)
    sample = {name: {"number": 1, "integer": 1, "string": "a"}[part["type"]] for name, part in properties.items()}
    value = {**sample, **({"end": 2} if "end" in sample else {})}
    assert isinstance(accept(OutputType(kind=kind, values=("a", "b")), [value], ()), Accepted)
    assert "label" not in place_of(answer_schema(OutputType(kind=kind)))


def place_of(asked: Any) -> dict[str, Any]:  # Any: JSON of a known shape
    return asked[0]["properties"]["answer"]["items"]["properties"]
