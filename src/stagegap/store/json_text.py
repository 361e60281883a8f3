"""JSON text at the border of the store: what it writes can be read back, whatever the value holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import orjson

from stagegap.model.record import Json, refuse_odd_numbers


def write(value: object) -> bytes:
    """The value as JSON; lone surrogates become their escape (`\\ud800` as six characters).

    The caller refuses NaN before (`refuse_odd_numbers`): this writes them as null.
    Raises: ValueError for what JSON cannot carry here: integers beyond 64 bits, nesting beyond 250 levels.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        try:
            return orjson.dumps(_mended(value))
        except (TypeError, RecursionError) as error:
            raise ValueError(f"the value cannot be stored as JSON: {error}") from error


def canonical(value: Json) -> bytes:
    """The value as JSON with sorted keys, so that equal values have equal text."""
    refuse_odd_numbers(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return orjson.dumps(orjson.loads(write(value)), option=orjson.OPT_SORT_KEYS)


def read(text: str | bytes) -> Json:
    """Read what `write` wrote."""
    return cast("Json", orjson.loads(text))


def plain(text: str) -> str:
    """The text with lone surrogates escaped, as the store holds it.

    >>> plain("a\\ud800b")
    'a\\\\ud800b'
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _mended(value: object) -> object:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return {plain(str(key)): _mended(part) for key, part in pairs}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_mended(part) for part in cast("Sequence[object]", value)]
    return value
