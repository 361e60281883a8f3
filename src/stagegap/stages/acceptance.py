"""Whether a value is of a stage's declared output type."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias, cast

from stagegap.errors import near_names
from stagegap.model.canonical import MAX_DEPTH
from stagegap.model.cascade import Kind, OutputType
from stagegap.model.frozen import maker
from stagegap.model.record import Json, number_problem, span_of
from stagegap.stages.corpus import Corpus
from stagegap.stages.places import accepted_places
from stagegap.stages.schemas import violation_finder


@dataclass(frozen=True, slots=True)
class Accepted:
    """A value of the declared type, in its canonical form."""

    value: Json


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a value is not of the declared type."""

    reason: str
    """A sentence without its subject's place: `'ordres' is none of the labels. Did you mean orders?`."""


_accepted = maker(Accepted)
Check: TypeAlias = "Callable[[object], Accepted | Rejected]"


def output_identity(output: OutputType, corpus: Corpus | None) -> Json:
    """All of an output type that decides whether a value is accepted."""
    ids = corpus.ids_hash if corpus else None
    return [output.kind.value, list(output.values), ids, output.k, output.low, output.high, output.schema]


def accept(output: OutputType, value: object, known_ids: Collection[str]) -> Accepted | Rejected:
    """The value in its canonical form, or why it is not of the type.

    Sets of labels are put in the declared order, numpy scalars and tuples become plain values. `known_ids` are the ids
    of the corpus that a ranking refers to.

    >>> accept(OutputType(kind=Kind.NUMBER, low=0.0), -1, ())
    Rejected(reason='-1 is below the lowest allowed value 0.0.')
    """
    return check_for(output, known_ids)(value)


def check_for(output: OutputType, known_ids: Collection[str]) -> Check:
    """The check of one output type, for many values."""
    match output.kind:
        case Kind.LABEL:
            return _label_check(output.values)
        case Kind.LABELS:
            return _labels_check(output.values)
        case Kind.RANKING:
            return _ranking_check(output, known_ids)
        case Kind.TEXT | Kind.TRANSCRIPT:
            return _check_text
        case Kind.BOXES | Kind.SPANS | Kind.SEGMENTS:
            return _places_check(output)
        case Kind.NUMBER:
            return _number_check(output)
        case Kind.BOOLEAN:
            return _check_boolean
        case Kind.LIST:
            return _list_check(output.schema)
        case Kind.OBJECT:
            return _object_check(output.schema)


def plain(value: object, depth: int = MAX_DEPTH) -> Json:
    """A JSON value made of dict, list, str, int, float, bool and None only.

    Raises: ValueError for NaN, infinity, keys that are no text, other types and too deep nesting.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        if problem := number_problem(value):
            raise ValueError(f"{problem}." if isinstance(value, int) else f"{value} is no JSON number.")
        return int(value) if isinstance(value, int) else float(value)
    if depth == 0:
        raise ValueError(f"The value is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, Mapping):
        return {_key(key): plain(item, depth - 1) for key, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth - 1) for item in cast("Sequence[object]", value)]
    scalar = _unwrapped(value)
    if scalar is value:
        raise ValueError(f"A value of the Python type {type(value).__name__} is no JSON value.")
    return plain(scalar, depth - 1)


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("The text holds half a character (a lone surrogate).") from None
    return value if type(value) is str else str.__str__(value)


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise ValueError(f"The key {key!r} is no text.")
    return _text(key)


def _unwrapped(value: object) -> object:
    """The Python scalar inside a numpy scalar or one-element array; anything else as it is."""
    item = getattr(value, "item", None)
    if not callable(item):
        return value
    try:
        return item()
    except (TypeError, ValueError):
        return value


def as_written(value: object, *, most: int = 80) -> str:
    """A value as Python writes it, cut where it is long; what foreign code gives may not be writable."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001  # `__repr__` is foreign code too
        text = f"a {type(value).__name__} that can't be shown ({type(error).__name__})"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def check_recorded(output: OutputType, known_ids: Collection[str]) -> Check:
    """The check of outputs that another system has written down: rankings and sets of labels may name one twice.

    What was answered is a fact; scores read a repeat in a ranking as a place that wins nothing more; sets have none.
    """
    if output.kind is Kind.RANKING:
        return _ranking_check(output, known_ids, may_repeat=True)
    check = check_for(output, known_ids)
    return (lambda value: check(_each_once(value))) if output.kind is Kind.LABELS else check


def _each_once(value: object) -> object:
    if not isinstance(value, list):
        return value
    members = cast("list[object]", value)
    return list(dict.fromkeys(members)) if all(isinstance(label, str) for label in members) else members


def accept_answer(output: OutputType, value: object, known_ids: Collection[str]) -> Accepted | Rejected:
    """What a person may answer: a value of the type, and for a ranking also gains and passages of another cut.

    An entry may be `{"id": "d7", "gain": 2}`; what is worth 0 is left out, and the best stands first. A passage that
    the corpus does not hold is taken where it holds another one of the same source (`handbook#0-400`), and as many are
    taken as there are: `k` bounds what a system gives.
    """
    if output.kind is not Kind.RANKING or not isinstance(value, list | tuple):
        return accept(output, value, known_ids)
    gains: dict[str, float] = {}
    is_plain = True
    for entry in cast("Sequence[object]", value):
        name, gain = entry, 1.0
        if isinstance(entry, Mapping):
            graded = cast("Mapping[object, object]", entry)
            name, gain, is_plain = graded.get("id"), graded.get("gain"), False
            if set(graded) != {"id", "gain"} or isinstance(gain, bool) or not isinstance(gain, int | float):
                return Rejected(f"An entry with a gain has an id and a number, found {as_written(graded)}.")
            if not 0 <= gain < math.inf:
                return Rejected(f"A gain is a number from 0 on, found {as_written(gain)}.")
        if not isinstance(name, str):
            return Rejected(f"An id is a text, found {as_written(name)}.")
        if name not in known_ids and not _is_of_a_source(name, known_ids):
            return Rejected(f"The corpus {output.of!r} has no document {as_written(name)}.")
        if name in gains:
            return Rejected(f"The id {name!r} stands twice.")
        gains[name] = gain
    if is_plain:
        return Accepted(list(gains))
    best = sorted((name for name in gains if gains[name] > 0), key=lambda name: -gains[name])
    return Accepted([{"id": name, "gain": gains[name]} for name in best])


def _is_of_a_source(name: str, known_ids: Collection[str]) -> bool:
    span = span_of(name)
    return span.source != name and any(other.startswith(f"{span.source}#") for other in known_ids)


def _label_check(values: tuple[str, ...]) -> Check:
    accepted = {value: Accepted(value) for value in values}

    def check(value: object) -> Accepted | Rejected:
        if not isinstance(value, str):
            return Rejected(f"A label is a text, found {as_written(value)}.")
        return accepted.get(value) or Rejected(
            f"{as_written(value)} is none of the labels. {near_names(value, values)}"
        )

    return check


def _labels_check(values: tuple[str, ...]) -> Check:
    place = {value: index for index, value in enumerate(values)}

    def check(value: object) -> Accepted | Rejected:
        if not isinstance(value, list | tuple | set | frozenset):
            return Rejected(f"A list of labels was expected, found {as_written(value)}.")
        members = list(cast("Collection[object]", value))
        for label in members:
            if not isinstance(label, str) or label not in place:
                return Rejected(f"{as_written(label)} is none of the labels. {near_names(str(label), values)}")
        labels = cast("list[str]", members)
        if len(set(labels)) < len(labels):
            return Rejected(f"A label stands twice in {as_written(labels)}.")
        return Accepted(sorted(labels, key=place.__getitem__))

    return check


def _ranking_check(output: OutputType, known_ids: Collection[str], *, may_repeat: bool = False) -> Check:
    def check(value: object) -> Accepted | Rejected:
        if not isinstance(value, list | tuple):
            return Rejected(f"A list of ids was expected, found {as_written(value)}.")
        ids = list(cast("Sequence[object]", value))
        if output.k is not None and len(ids) > output.k:
            return Rejected(f"A ranking holds at most {output.k} ids, found {len(ids)}.")
        for name in ids:
            if not isinstance(name, str):
                return Rejected(f"An id is a text, found {as_written(name)}.")
            if name not in known_ids:
                return Rejected(f"The corpus {output.of!r} has no document {as_written(name)}.")
        if not may_repeat and len(set(ids)) < len(ids):
            return Rejected(f"An id stands twice in {as_written(ids)}.")
        return Accepted([str(name) for name in ids])

    return check


def _check_text(value: object) -> Accepted | Rejected:
    if not isinstance(value, str):
        return Rejected(f"A text was expected, found {as_written(value)}.")
    try:
        return _accepted(value=_text(value))
    except ValueError as error:
        return Rejected(str(error))


def _number_check(output: OutputType) -> Check:
    def check(value: object) -> Accepted | Rejected:
        number = _unwrapped(value)
        if isinstance(number, bool) or not isinstance(number, int | float):
            return Rejected(f"A number was expected, found {as_written(value)}.")
        if problem := number_problem(number):
            return Rejected(f"A finite number was expected, found {problem if isinstance(number, int) else number}.")
        if output.low is not None and number < output.low:
            return Rejected(f"{number} is below the lowest allowed value {output.low}.")
        if output.high is not None and number > output.high:
            return Rejected(f"{number} is above the highest allowed value {output.high}.")
        return Accepted(int(number) if isinstance(number, int) else float(number))

    return check


def _check_boolean(value: object) -> Accepted | Rejected:
    unwrapped = _unwrapped(value)
    if not isinstance(unwrapped, bool):
        return Rejected(f"True or false was expected, found {as_written(value)}.")
    return Accepted(unwrapped)


@lru_cache(maxsize=64)
def _object_check(schema: str | None) -> Check:
    violation = violation_finder(schema) if schema else None

    def check(value: object) -> Accepted | Rejected:
        if not isinstance(value, Mapping):
            return Rejected(f"An object was expected, found {as_written(value)}.")
        try:
            content = plain(cast("object", value))
        except ValueError as error:
            return Rejected(str(error))
        reason = violation(content) if violation else ""
        return Rejected(reason) if reason else Accepted(content)

    return check


@lru_cache(maxsize=64)
def _list_check(schema: str | None) -> Check:
    violation = violation_finder(schema) if schema else None

    def check(value: object) -> Accepted | Rejected:
        if not isinstance(value, list | tuple):
            return Rejected(f"A list was expected, found {as_written(value)}.")
        items: list[Json] = []
        for place, item in enumerate(cast("Sequence[object]", value), 1):
            try:
                content = plain(item)
            except ValueError as error:
                return Rejected(f"Item {place}: {error}")
            if reason := violation(content) if violation else "":
                return Rejected(f"Item {place}: {reason}")
            items.append(content)
        return Accepted(items)

    return check


def _places_check(output: OutputType) -> Check:
    def check(value: object) -> Accepted | Rejected:
        try:
            return Accepted(plain(accepted_places(output, value)))
        except ValueError as error:
            return Rejected(str(error))

    return check
