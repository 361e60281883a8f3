"""Inputs as one text, for stages that look at words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from stagegap.model.values import Json


def joined(values: Iterable[Json]) -> str:
    """All text in the values, one line a value; null adds nothing.

    >>> joined(["Tent", None, ["a", {"b": 2}]])
    'Tent\\na\\n2'
    """
    return "\n".join(part for value in values for part in _parts(value))


def _parts(value: Json) -> Iterable[str]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Mapping):
        return (part for item in value.values() for part in _parts(item))
    if isinstance(value, Sequence):
        return (part for item in value for part in _parts(item))
    return (str(value),)
