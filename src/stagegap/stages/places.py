"""Answers that are places in something else: rectangles of a picture, spans of a text, segments of a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from stagegap.errors import near_names
from stagegap.model.cascade import PLACES, Kind, OutputType
from stagegap.model.media import FieldKind, media_of
from stagegap.model.record import Json, number_problem
from stagegap.model.wording import counted

MOST = 2_000
"""Places in one answer."""
NUMBERS = {Kind.BOXES: ("x", "y", "w", "h"), Kind.SPANS: ("start", "end"), Kind.SEGMENTS: ("start", "end")}
WORDS = {Kind.BOXES: ("label", "text"), Kind.SPANS: ("label",), Kind.SEGMENTS: ("label", "text")}
PAGE = "page"
"""Of a rectangle in a document: counted from 1, and left out on the first."""
_NOUNS = {Kind.BOXES: "rectangle", Kind.SPANS: "span", Kind.SEGMENTS: "segment"}


def accepted_places(output: OutputType, value: object) -> list[Json]:
    """The places in their canonical form: numbers, then label and text where there are any.

    Rectangles keep their order, which is the order of reading; spans and segments are put in the order of their begin.
    Raises: ValueError with one sentence.
    """
    if not isinstance(value, list | tuple):
        raise ValueError(f"A list of {_NOUNS[output.kind]}s was expected, found {str(value)[:60]!r}.")
    entries = cast("Sequence[object]", value)
    if len(entries) > MOST:
        raise ValueError(f"An answer holds at most {MOST:,} {_NOUNS[output.kind]}s, found {len(entries):,}.")
    places: list[dict[str, Json]] = []
    for number, entry in enumerate(entries, 1):
        try:
            places.append(_place(output, entry))
        except ValueError as error:
            raise ValueError(f"The {_NOUNS[output.kind]} {number}: {error}") from None
    if output.kind is not Kind.BOXES:
        places.sort(key=lambda place: (place["start"], place["end"], place.get("label", "")))
    return cast("list[Json]", places)


def _place(output: OutputType, entry: object) -> dict[str, Json]:
    numbers, words = NUMBERS[output.kind], WORDS[output.kind]
    if not isinstance(entry, Mapping):
        raise ValueError(f"an object with {', '.join(numbers)} was expected, found {str(entry)[:60]!r}.")
    given = cast("Mapping[object, object]", entry)
    names = (*numbers, *words, *([PAGE] if output.kind is Kind.BOXES else []))
    strange = [str(key) for key in given if key not in names]
    if strange:
        raise ValueError(f"it has the key {strange[0]!r}. {near_names(strange[0], names)}".strip())
    place: dict[str, Json] = {name: _number(given.get(name), name) for name in numbers}
    _in_order(output.kind, cast("dict[str, float]", place))
    if given.get(PAGE) is not None:
        page = cast("float", _number(given[PAGE], PAGE))
        if page < 1 or page != int(page):
            raise ValueError(f"its page is a whole number from 1 on, found {page:g}.")
        place |= {PAGE: int(page)} if page > 1 else {}
    for name in words:
        word = given.get(name)
        if word is None:
            continue
        if not isinstance(word, str):
            raise ValueError(f"its {name} is a text, found {str(word)[:60]!r}.")
        place[name] = word
    label = place.get("label")
    if output.values and label not in output.values:
        problem = "it has no label" if label is None else f"{label!r} is none of the labels"
        raise ValueError(f"{problem}. {near_names(str(label or ''), output.values)}")
    return place


def _number(value: object, name: str) -> Json:
    item = getattr(value, "item", None)
    number: object = item() if callable(item) else value  # numpy's scalars
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError(f"its {name} is a number, found {str(value)[:60]!r}.")
    if number_problem(number):
        raise ValueError(f"its {name} is a finite number, found {str(number)[:60]}.")
    return number


def _in_order(kind: Kind, place: Mapping[str, float]) -> None:
    if kind is Kind.BOXES:
        if place["w"] <= 0 or place["h"] <= 0:
            raise ValueError(f"width and height are above 0, found {place['w']:g} x {place['h']:g}.")
        return
    if not 0 <= place["start"] < place["end"]:
        raise ValueError(f"0 <= start < end was expected, found {place['start']:g} to {place['end']:g}.")
    if kind is Kind.SPANS and not all(float(number).is_integer() for number in (place["start"], place["end"])):
        raise ValueError("start and end count characters, so they are whole numbers.")


def misplaced(output: OutputType, value: Json, inputs: Mapping[str, Json]) -> str:
    """Why places can't lie in the input that they are of; empty where they can, and where its size is not known.

    Rectangles and segments may reach beyond the edge, as detectors draw them, and not lie outside; of a PDF the number
    of pages is known and only the first one's size, so no more is said. `inputs` are the stage's, files as what is
    known of them.
    """
    if output.kind not in PLACES or not isinstance(value, list | tuple):
        return ""
    pages = max((_pages(within) for name, within in inputs.items() if output.of in (None, name)), default=0)
    for number, place in enumerate(cast("Sequence[Mapping[str, int]]", value), 1):
        if pages and place.get(PAGE, 1) > pages:
            return f"The rectangle {number} lies on page {place[PAGE]:,} of {counted(pages, 'page')}."
    sizes = (_size(output.kind, within) for name, within in inputs.items() if output.of in (None, name))
    size = next((size for size in sizes if size), None)
    if size is None:
        return ""
    edges = [_edges(cast("Mapping[str, float]", place)) for place in value]
    is_text = output.kind is Kind.SPANS
    for number, (starts, ends) in enumerate(edges, 1):
        if any(
            end <= 0 or (end > most if is_text else start >= most)
            for start, end, most in zip(starts, ends, size, strict=True)
        ):
            place = " x ".join(f"{most:g}" for most in size)
            return f"The {_NOUNS[output.kind]} {number} lies outside of its {_WITHIN[output.kind].format(place)}."
    return ""


_WITHIN = {Kind.BOXES: "picture of {} pixels", Kind.SPANS: "text of {} characters", Kind.SEGMENTS: "recording of {} s"}


def _pages(within: Json) -> int:
    """Pages of a document; 1 of a picture, 0 of anything else."""
    media = media_of(within)
    return 0 if media is None else 1 if media.kind is FieldKind.IMAGE else media.pages or 0


def _size(kind: Kind, within: Json) -> tuple[float, ...] | None:
    if kind is Kind.SPANS:
        return (len(within),) if isinstance(within, str) else None
    media = media_of(within)
    if media is None:
        return None
    if kind is Kind.SEGMENTS:
        return (media.seconds,) if media.seconds else None
    return (media.width, media.height) if media.kind is FieldKind.IMAGE and media.width and media.height else None


def _edges(place: Mapping[str, float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if "x" in place:
        return (place["x"], place["y"]), (place["x"] + place["w"], place["y"] + place["h"])
    return (place["start"],), (place["end"],)


def places_schema(output: OutputType) -> dict[str, Json]:
    """The JSON schema of one place, as models are asked for it."""
    number = {"type": "integer" if output.kind is Kind.SPANS else "number"}
    label: Json = {"type": "string", **({"enum": list(output.values)} if output.values else {})}
    shapes: dict[str, Json] = dict.fromkeys(NUMBERS[output.kind], number)
    if output.values:
        shapes["label"] = label
    if "text" in WORDS[output.kind]:
        shapes["text"] = {"type": "string"}
    return {"type": "object", "properties": shapes, "required": list(shapes), "additionalProperties": False}
