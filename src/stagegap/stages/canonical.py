"""One text and one hash for equal JSON values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import cast

import orjson

from stagegap.model.record import Json


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


def digest(value: Json) -> str:
    """32 hex digits that stand for the value."""
    return sha256(canonical(value)).hexdigest()[:32]


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))  # orjson looks at what is inside
    if isinstance(value, Sequence):
        return list(cast("Sequence[object]", value))  # the same
    raise TypeError(f"{type(value).__name__} is no JSON value")
