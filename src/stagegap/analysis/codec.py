"""Views as JSON text and back: frozen dataclasses, NaN as null, stable order."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

View = TypeVar("View")


def to_json(view: object) -> str:
    """Give a view as JSON text: fields in their order, NaN as null. Raises: TypeError for what a view can't hold."""
    return json.dumps(_plain(view), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def from_json(kind: type[View], text: str) -> View:
    """Read what `to_json` wrote. Raises: ValueError when the text is not such a view."""
    try:
        found = json.loads(text)
        made = _typed(kind, found)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"this is not a {kind.__name__}: {error}") from error
    assert isinstance(made, kind)
    return made


def plain(view: object) -> dict[str, Any]:  # Any: JSON of any depth, for callers that embed a view in a larger JSON
    """Give a view as dicts and lists of JSON values."""
    return json.loads(to_json(view))


def lean(view: object) -> dict[str, Any]:  # Any: as above
    """Give what `plain` gives without the fields that have their default; `from_json` reads it all the same."""
    return json.loads(json.dumps(_plain(view, is_lean=True), allow_nan=False))


def _plain(value: object, *, is_lean: bool = False) -> object:
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if is_dataclass(value):
        return {
            field.name: _plain(getattr(value, field.name), is_lean=is_lean)
            for field in fields(value)
            if not (is_lean and getattr(value, field.name) == field.default)
        }
    if isinstance(value, Mapping):
        named = cast("Mapping[str, object]", value)  # keys of views are strings
        return {key: _plain(named[key], is_lean=is_lean) for key in sorted(named)}
    if isinstance(value, tuple | list):
        entries = cast("Sequence[object]", value)  # isinstance loses the entries' type
        return [_plain(entry, is_lean=is_lean) for entry in entries]
    raise TypeError(f"a view can't hold {type(value).__name__}")


def _typed(kind: Any, found: Any) -> Any:  # Any: type expressions have no common type, and JSON is of any shape
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _typed_union(arguments, found)
    if origin is Literal:
        if found not in arguments:
            raise ValueError(f"{found!r} is none of {arguments}")
        return found
    if origin is tuple:
        if not isinstance(found, list):
            raise TypeError(f"expected a list, found {found!r}")
        entries = cast("list[Any]", found)  # JSON of any shape
        return tuple(_typed(arguments[0], entry) for entry in entries)
    if origin in (dict, Mapping):
        return {key: _typed(arguments[1], entry) for key, entry in found.items()}
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        if not isinstance(found, dict):
            raise TypeError(f"expected an object, found {found!r}")
        # A view stored before a field with a default came to be lacks it.
        there = [field for field in fields(kind) if field.name in found or field.default is MISSING]
        values = {field.name: _typed(hints[field.name], found[field.name]) for field in there}
        return cast("type[Any]", kind)(**values)  # is_dataclass narrows to an instance
    return _scalar(kind, found)


def _typed_union(arguments: tuple[Any, ...], found: Any) -> Any:  # Any: as `_typed`
    if found is None and type(None) in arguments:
        return None
    rest = [argument for argument in arguments if argument is not type(None)]
    return _typed(rest[0], found)


def _scalar(kind: Any, found: Any) -> Any:  # Any: as `_typed`
    if kind is float:
        if found is None:
            return math.nan
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise TypeError(f"expected a number, found {found!r}")
        return float(found)
    if issubclass(kind, Enum):
        return kind(found)
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise TypeError(f"expected {kind.__name__}, found {found!r}")
    return found
