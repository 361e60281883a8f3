"""JSON: one strict reading of it, one text and one hash for equal values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NoReturn, cast

import orjson

from stagegap.model.record import SHOWN_DIGITS, Json, number_problem, odd_number

MAX_DEPTH = 100
"""Levels that lists and mappings may nest."""


def canonical(value: Json) -> bytes:
    """The value as JSON with sorted keys, equal for equal values.

    Raises: TypeError when it is no JSON value.

    >>> canonical({"b": 1, "a": ("x", None)})
    b'{"a":["x",null],"b":1}'
    """
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        # Integers beyond 64 bits and lone surrogates: valid in Python and in JSON files, refused by orjson.
        return json.dumps(value, default=_plain, sort_keys=True, separators=(",", ":")).encode()


_LONG_NUMBER = re.compile(rb"\d{19}")


def parsed(content: bytes | str) -> Json:
    """The JSON value of a text; whole numbers of any size stay what they are. Raises: ValueError.

    >>> parsed("[36893488147419103232]")
    [36893488147419103232]
    """
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    try:
        # orjson makes a float, another number, of what has more than 64 bits.
        return cast("Json", json.loads(content) if _LONG_NUMBER.search(raw) else orjson.loads(content))
    except RecursionError:
        raise ValueError("the value is nested too deep") from None


class NotJson(ValueError):
    """A text that is no JSON at all."""


class _OddNumber(ValueError):
    """A number that can't be kept as it is written."""


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members: dict[str, Json] = {}
    for key, value in pairs:
        if key in members:
            raise ValueError(f"The key {key!r} stands twice.")
        members[key] = value
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number.")


def _integer(digits: str) -> int:
    if len(digits) > SHOWN_DIGITS:  # int() itself refuses more than 4,300
        raise _OddNumber(f"a number of {len(digits.lstrip('-')):,} digits has more than 64 bits")
    number = int(digits)
    if problem := number_problem(number):
        raise _OddNumber(problem)
    return number


_WHOLE = re.compile(r"(-?\d{16,})\.0+")


def _decimal(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _OddNumber(f"{text[:40]} is larger than a number can be")
    if number == 0 and text.strip("-0.")[:1] not in ("", "e", "E"):
        raise _OddNumber(f"{text[:40]} is smaller than a number can be")
    whole = _WHOLE.fullmatch(text)
    if whole and int(whole[1]) != int(number):
        raise _OddNumber(f"{text[:40]} can't be kept exactly: write it without a point")
    return number


def _seen(text: str) -> float:
    """A decimal, infinite where it can't be kept."""
    try:
        return _decimal(text)
    except _OddNumber:
        return math.inf


def _place(text: str) -> str:
    """Where a JSON text holds a number that can't be kept, as the begin of a sentence."""
    value = json.loads(text, parse_int=lambda digits: int(digits[:40]), parse_float=_seen, parse_constant=lambda _: 0)
    odd = odd_number(value)
    return f"The field {odd[0]!r}: " if odd and odd[0] else ""


_STRICT = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_integer, parse_float=_decimal
)


def parse_json(text: str) -> Json:
    """Read one JSON value; duplicate keys, NaN, infinity, numbers that can't be kept and deep nesting are refused.

    Raises: NotJson for a text that is no JSON; ValueError.

    >>> parse_json('{"a": 1.5}')
    {'a': 1.5}
    """
    try:
        value, end = first_json(text, len(text) - len(text.lstrip(_BLANKS)))
    except _OddNumber as error:
        raise ValueError(f"{_place(text)}{error}.") from None
    if rest := text[end:].strip(_BLANKS):
        raise NotJson(f"This is no JSON: Extra data at column {text.index(rest, end) + 1}.")
    return value


_BLANKS = " \t\n\r"


def first_json(text: str, start: int) -> tuple[Json, int]:
    """The JSON value that begins at a place of a text, and where it ends. Raises: as `parse_json`."""
    if text.startswith("\ufeff", start):
        raise NotJson("This is no JSON: Unexpected UTF-8 BOM (decode using utf-8-sig) at column 1.")
    try:
        value, end = cast("tuple[Json, int]", _STRICT.raw_decode(text, start))
    except RecursionError:
        raise ValueError(f"The value is nested deeper than {MAX_DEPTH} levels.") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"This is no JSON: {error.msg} at column {error.colno}.") from None
    if is_deeper(value, MAX_DEPTH):
        raise ValueError(f"The value is nested deeper than {MAX_DEPTH} levels.")
    return value, end


def is_deeper(value: object, limit: int) -> bool:
    """Whether lists and mappings nest deeper than `limit`."""
    level = [value]
    for _ in range(limit):
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below += cast("dict[str, object]", item).values()
            elif isinstance(item, list):
                below += cast("list[object]", item)
        if not below:
            return False
        level = below
    return any(isinstance(item, dict | list) for item in level)


def digest(value: Json) -> str:
    """32 hex digits that stand for the value."""
    return sha256(canonical(value)).hexdigest()[:32]


def digest_of(members: Iterable[tuple[str, Json]]) -> str:
    """The digest of an object whose members come one after the other, sorted by their keys.

    >>> digest_of([("a", 1), ("b", [2])]) == digest({"b": [2], "a": 1})
    True
    """
    hasher = sha256()
    for number, (key, value) in enumerate(members):
        hasher.update((b"," if number else b"{") + canonical(key) + b":" + canonical(value))
    hasher.update(b"}")
    return hasher.hexdigest()[:32]


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))  # orjson looks at what is inside
    if isinstance(value, Sequence):
        return list(cast("Sequence[object]", value))  # the same
    raise TypeError(f"{type(value).__name__} is no JSON value")
