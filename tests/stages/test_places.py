from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stagegap.model.cascade import PLACES, Kind, OutputType
from stagegap.stages.acceptance import Accepted, Rejected, accept, accept_answer, check_for
from stagegap.stages.conversation import answer_schema
from stagegap.stages.mending import read_answer
from stagegap.stages.places import misplaced

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


PICTURE: dict[str, Any] = {
    "media": "image", "path": "a.png", "digest": "0" * 64, "type": "image/png", "bytes": 9, "width": 400, "height": 300,
}  # fmt: skip
SOUND: dict[str, Any] = {**PICTURE, "media": "audio", "type": "audio/wav", "seconds": 2.5}


@pytest.mark.parametrize(
    ("output", "place", "told"),
    [
        (BOXES, {"x": -5, "y": -5, "w": 10, "h": 400}, ""),  # reaches beyond the edge, as detectors draw them
        (BOXES, {"x": 400, "y": 0, "w": 5, "h": 5}, "The rectangle 1 lies outside of its picture of 400 x 300 pixels."),
        (BOXES, {"x": 0, "y": -9, "w": 5, "h": 9}, "The rectangle 1 lies outside of its picture of 400 x 300 pixels."),
        (SPANS, {"start": 0, "end": 3}, ""),
        (SPANS, {"start": 2, "end": 4}, "The span 1 lies outside of its text of 3 characters."),
        (SEGMENTS, {"start": 2.0, "end": 2.6}, ""),
        (SEGMENTS, {"start": 2.5, "end": 3.0}, "The segment 1 lies outside of its recording of 2.5 s."),
        (OutputType(kind=Kind.TEXT), "anything", ""),
    ],
)
def test_place_that_lies_outside_of_its_input_is_told(output: OutputType, place: Any, told: str) -> None:
    inputs = {"number": 7, "photo": PICTURE, "call": SOUND, "text": "Zoë"}
    assert misplaced(output, [place] if isinstance(place, dict) else place, inputs) == told


def test_what_has_no_known_size_holds_every_place() -> None:
    boxes = [{"x": 900, "y": 900, "w": 5, "h": 5}]
    assert misplaced(BOXES, boxes, {"photo": {**PICTURE, "media": "pdf"}}) == ""
    assert misplaced(OutputType(kind=Kind.BOXES, of="scan"), boxes, {"photo": PICTURE}) == ""
    assert misplaced(SEGMENTS, [{"start": 9, "end": 10}], {"call": {**SOUND, "seconds": None}}) == ""


def test_a_page_counts_from_one_is_left_out_on_the_first_and_is_one_of_the_document() -> None:
    place = {"x": 1, "y": 2, "w": 3, "h": 4}
    assert accept(BOXES, [{**place, "page": 1}, {**place, "page": 2.0}], ()) == Accepted([place, {**place, "page": 2}])
    assert "its page is a whole number from 1 on, found 0." in reason(BOXES, [{**place, "page": 0}])
    assert "it has the key 'page'" in reason(SPANS, [{"start": 0, "end": 1, "page": 2}])
    paper = {"media": "pdf", "path": "a.pdf", "digest": "d", "type": "application/pdf", "bytes": 9, "width": 300,
             "height": 400, "pages": 3}  # fmt: skip
    photo = {**paper, "media": "image", "pages": None}
    assert misplaced(BOXES, [{**place, "page": 3}], {"paper": paper}) == ""
    assert misplaced(BOXES, [place, {**place, "page": 4}], {"paper": paper}) == (
        "The rectangle 2 lies on page 4 of 3 pages."
    )
    assert misplaced(BOXES, [{**place, "page": 2}], {"photo": photo}) == ("The rectangle 1 lies on page 2 of 1 page.")
