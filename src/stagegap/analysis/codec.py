"""Views as JSON text and back: frozen dataclasses, NaN as null, stable order."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from hashlib import sha256
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

View = TypeVar("View")


def to_json(view: object) -> str:
    """A view as JSON text: fields in their order, NaN as null. Raises: TypeError for what a view can't hold."""
    return json.dumps(_plain(view), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def from_json(kind: type[View], text: str) -> View:
    """Read what `to_json` wrote. Raises: ValueError when the text is not such a view."""
    try:
        content = json.loads(text)
        view = _typed(kind, content)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"this is not a {kind.__name__}: {error}") from error
    assert isinstance(view, kind)
    return view


def plain(view: object) -> dict[str, Any]:  # Any: JSON of any depth, for callers that embed a view in a larger JSON
    """A view as dicts and lists of JSON values."""
    return json.loads(to_json(view))


def lean(view: object) -> dict[str, Any]:  # Any: as above
    """What `plain` gives without the fields that have their default; `from_json` reads it all the same."""
    return json.loads(json.dumps(_plain(view, is_lean=True), allow_nan=False))


@cache
def shape(kind: type) -> str:
    """A hash of the fields of a view and of all that it holds: another one when a field comes, goes or changes type."""
    waiting: list[Any] = [kind]  # Any: type expressions have no common type
    seen: dict[str, None] = {}
    while waiting:
        form = waiting.pop()
        waiting += get_args(form)
        if is_dataclass(form) and str(form) not in seen:
            hints = get_type_hints(form)
            seen[str(form)] = None
            seen |= dict.fromkeys(f"{form} {field.name} {hints[field.name]}" for field in fields(form))
            waiting += [hints[field.name] for field in fields(form)]
    return sha256("\n".join(seen).encode()).hexdigest()[:16]


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


def _typed(kind: Any, content: Any) -> Any:  # Any: type expressions have no common type, and JSON is of any shape
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _typed_union(arguments, content)
    if origin is Literal:
        if content not in arguments:
            raise ValueError(f"{content!r} is none of {arguments}")
        return content
    if origin is tuple:
        if not isinstance(content, list):
            raise TypeError(f"expected a list, found {content!r}")
        entries = cast("list[Any]", content)  # JSON of any shape
        return tuple(_typed(arguments[0], entry) for entry in entries)
    if origin in (dict, Mapping):
        return {key: _typed(arguments[1], entry) for key, entry in content.items()}
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        if not isinstance(content, dict):
            raise TypeError(f"expected an object, found {content!r}")
        # A view stored before a field with a default came to be lacks it.
        present = [field for field in fields(kind) if field.name in content or field.default is MISSING]
        values = {field.name: _typed(hints[field.name], content[field.name]) for field in present}
        return cast("type[Any]", kind)(**values)  # is_dataclass narrows to an instance
    return _scalar(kind, content)


def _typed_union(arguments: tuple[Any, ...], content: Any) -> Any:  # Any: as `_typed`
    if content is None and type(None) in arguments:
        return None
    rest = [argument for argument in arguments if argument is not type(None)]
    return _typed(rest[0], content)


def _scalar(kind: Any, content: Any) -> Any:  # Any: as `_typed`
    if kind is float:
        if content is None:
            return math.nan
        if isinstance(content, bool) or not isinstance(content, int | float):
            raise TypeError(f"expected a number, found {content!r}")
        return float(content)
    if issubclass(kind, Enum):
        return kind(content)
    if not isinstance(content, kind) or (kind is int and isinstance(content, bool)):
        raise TypeError(f"expected {kind.__name__}, found {content!r}")
    return content
