"""Forms for objects: one field for each leaf of a JSON schema, and the object put together from what was answered."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from stagegap.errors import ConfigurationError
from stagegap.model.record import Json, number_problem

Schema = Mapping[str, Any]
"""A part of a JSON schema: JSON of any shape."""
Path = tuple[str, ...]
LONG = 200
"""A text that may be longer than this gets a box of several lines."""
DEEPEST = 5
"""Groups that may stand inside each other."""
KNOWN = frozenset((
    "$ref", "$defs", "definitions", "$schema", "$id", "title", "description", "default", "examples", "format", "widget",
    "type", "enum", "const", "anyOf", "properties", "required", "additionalProperties", "items", "uniqueItems",
    "minimum", "maximum", "minLength", "maxLength", "pattern", "minItems", "maxItems",
))  # fmt: skip
"""What a form can hold people to; a schema that says more needs a form of its own."""


EXACT = 2**53
"""Whole numbers beyond this a browser rounds."""
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+")


def typed_number(typed: Json) -> int | float:
    """The number that somebody typed. The card sends it as text: a browser rounds whole numbers beyond 2**53.

    Raises: ValueError for what is no number, and for one that can't be kept exactly as it was typed.

    >>> typed_number("9007199254740993"), typed_number("7,5"), typed_number(3)
    (9007199254740993, 7.5, 3)
    """
    if isinstance(typed, bool) or not isinstance(typed, int | float | str):
        raise ValueError(f"{typed!r} is not a number")
    number = _number(typed) if isinstance(typed, str) else typed
    if problem := number_problem(number):
        raise ValueError(problem)
    return number


def _number(typed: str) -> int | float:
    text = typed.strip().replace("\u2212", "-")
    if _THOUSANDS.fullmatch(text):
        whole = text.replace(",", "")
        raise ValueError(f"{typed!r} can be read in two ways: write {whole}, or a point before a fraction")
    text = text.replace(",", ".")
    if _WHOLE.fullmatch(text):
        return int(text)
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{typed!r} is not a number")
    number = float(text)
    if math.isfinite(number) and Decimal(text) != Decimal(repr(number)):
        raise ValueError(f"{typed!r} has more digits than can be kept exactly")
    return number


def exact_in_a_browser(value: Json) -> Json:
    """The value with whole numbers that a browser would round as text, which the number boxes of the card take.

    >>> exact_in_a_browser({"ticket": 2**53 + 1, "age": 3})
    {'ticket': '9007199254740993', 'age': 3}
    """
    if isinstance(value, int) and abs(value) > EXACT:
        return str(value)
    if isinstance(value, Mapping):
        return {key: exact_in_a_browser(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [exact_in_a_browser(entry) for entry in value]
    return value


def object_fields(schema: Schema, *, few: int) -> list[dict[str, Json]]:
    """The fields of an object's form, groups in the order of the schema; at most `few` choices are buttons.

    Raises: ConfigurationError for what no field can be made from.
    """
    fields = list(_fields(schema, schema, (), (), is_needed=True, few=few))
    if not fields:
        raise ConfigurationError("the object has no properties to ask for")
    return fields


def object_from_values(fields: Sequence[Mapping[str, Json]], values: Mapping[str, Json]) -> dict[str, Json]:
    """Put the object together; what was not answered is left out, or null where it must be there.

    Raises: ValueError for a number that can't be read.
    """
    content: dict[str, Json] = {}
    for field in fields:
        name, path = str(field["name"]), cast("Sequence[str]", field["path"])
        value = values.get(name)
        if value is None and not field.get("null"):
            continue
        inside = content
        for part in path[:-1]:
            inside = cast("dict[str, Json]", inside.setdefault(part, {}))
        inside[path[-1]] = typed_number(value) if field["kind"] == "number" and value is not None else value
    return content


def values_from_object(value: Json, path: Path = ()) -> dict[str, Json]:
    """The values of a form from an object: the reverse of `object_from_values`."""
    if not isinstance(value, Mapping):
        return {field_name(path): value} if path and value is not None else {}
    values: dict[str, Json] = {}
    for key, inside in value.items():
        values |= values_from_object(inside, (*path, key))
    return values


def field_name(path: Path) -> str:
    """The name of the field at a path: a JSON pointer, which no two paths share."""
    return "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)


def _fields(
    root: Schema, unresolved: Schema, path: Path, titles: Path, *, is_needed: bool, few: int, base: Path = ()
) -> Iterator[dict[str, Json]]:
    """The fields below a place; `base` is the nearest group around it that may be left out, `()` without one."""
    schema, may_be_null = _resolved(root, unresolved, path)
    strange = sorted(set(schema) - KNOWN)
    if strange:
        raise _no_field(path, f"the form knows no {strange[0]!r}")
    needs_answer = is_needed and not may_be_null
    if schema.get("type", "object") == "object" and "enum" not in schema and "const" not in schema:
        if is_needed and may_be_null:
            raise _no_field(path, "a group that must be there may not be null")
        if path:
            base = base if is_needed else path
        yield from _inside(root, schema, path, titles, few=few, base=base)
        return
    yield {
        "name": field_name(path),
        "path": list(path),
        "label": " › ".join(titles),
        "help": str(schema.get("description", "")),
        "required": needs_answer and not base,
        "null": is_needed and may_be_null and not base,
        **({"within": field_name(base)} if needs_answer and base else {}),
        **_kind(schema, path, few=few),
    }


def _inside(
    root: Schema, schema: Schema, path: Path, titles: Path, *, few: int, base: Path
) -> Iterator[dict[str, Json]]:
    if len(path) > DEEPEST:
        raise _no_field(path, f"it is nested more than {DEEPEST} levels deep")
    inside = cast("Mapping[str, Schema]", schema.get("properties", {}))
    needed = set(cast("Sequence[str]", schema.get("required", ())))
    if path and not inside:
        raise _no_field(path, "it has no properties")
    for name, part in inside.items():
        title = str(part.get("title") or name)
        yield from _fields(root, part, (*path, name), (*titles, title), is_needed=name in needed, few=few, base=base)


def _kind(schema: Schema, path: Path, *, few: int) -> dict[str, Json]:
    if "const" in schema or "enum" in schema:
        options = _options(cast("Sequence[Json]", schema.get("enum", [schema.get("const")])), path)
        return {"kind": "choice" if len(options) <= few else "list", "options": options}
    match schema["type"]:
        case "boolean":
            return {"kind": "choice", "options": [{"value": True, "text": "yes"}, {"value": False, "text": "no"}]}
        case "integer" | "number" as kind:
            limits: dict[str, Json] = {"low": schema.get("minimum"), "high": schema.get("maximum")}
            return {"kind": "number", "whole": kind == "integer", **limits}
        case "string":
            return _text(schema, path)
        case "array":
            return _list(schema, path, few=few)
        case other:
            raise _no_field(path, f"there is no field for the type {other!r}")


def _text(schema: Schema, path: Path) -> dict[str, Json]:
    pattern = schema.get("pattern")
    if pattern is not None:
        try:
            re.compile(str(pattern))
        except re.error:
            raise _no_field(path, f"the pattern {pattern!r} can't be read") from None
    is_long = schema.get("widget") == "long" or int(schema.get("maxLength", 0)) > LONG
    limits: dict[str, Json] = {
        "shortest": schema.get("minLength"),
        "longest": schema.get("maxLength"),
        "pattern": pattern,
    }
    return {"kind": "long" if is_long else "line", "hint": "", **limits}


def _list(schema: Schema, path: Path, *, few: int) -> dict[str, Json]:
    items = cast("Schema", schema.get("items", {}))
    limits: dict[str, Json] = {"fewest": schema.get("minItems"), "most": schema.get("maxItems")}
    if "enum" in items:
        options = _options(cast("Sequence[Json]", items["enum"]), path)
        if len(options) > few or not all(isinstance(option, str) for option in items["enum"]):
            raise _no_field(path, f"a list is chosen from at most {few} texts")
        return {"kind": "toggles", "options": options, **limits}
    if items.get("type") == "string" and set(items) <= {"type", "title", "description"}:
        return {"kind": "lines", "hint": "One a line", **limits}
    raise _no_field(path, "a list holds texts, or texts of a closed set")


def _options(values: Sequence[Json], path: Path) -> list[Json]:
    if any(isinstance(value, Mapping | list) or value is None for value in values):
        raise _no_field(path, "a choice is a text, a number, or yes or no")
    if any(exact_in_a_browser(value) != value for value in values):
        raise _no_field(path, f"a choice is a number beyond {EXACT}, which a browser rounds")
    return [{"value": value} for value in values]


def _resolved(root: Schema, schema: Schema, path: Path) -> tuple[Schema, bool]:
    """Follow references inside the schema, and take null out of what may be null."""
    may_be_null = False
    for _ in range(20):
        ref = schema.get("$ref")
        if ref is not None:
            schema = {**_at(root, str(ref), path), **{key: value for key, value in schema.items() if key != "$ref"}}
            continue
        parts = cast("Sequence[Schema]", schema.get("anyOf", ()))
        others = [part for part in parts if part.get("type") != "null"]
        if parts and len(others) == 1:
            may_be_null = may_be_null or len(others) < len(parts)
            schema = {**others[0], **{key: value for key, value in schema.items() if key != "anyOf"}}
            continue
        if parts:
            raise _no_field(path, "it may be several things")
        kinds = schema.get("type")
        if isinstance(kinds, list):
            named = [kind for kind in cast("list[str]", kinds) if kind != "null"]
            if len(named) != 1:
                raise _no_field(path, "it may be several things")
            return {**schema, "type": named[0]}, may_be_null or len(named) < len(cast("list[str]", kinds))
        return schema, may_be_null
    raise _no_field(path, "its references go round in a circle")


def _at(root: Schema, ref: str, path: Path) -> Schema:
    node: Any = root  # Any: JSON of any shape
    for part in ref.removeprefix("#/").split("/") if ref.startswith("#/") else [ref]:
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, Mapping) or key not in node:
            raise _no_field(path, f"the reference {ref!r} leads nowhere in the schema")
        node = cast("Mapping[str, Any]", node)[key]
    return cast("Schema", node)


def _no_field(path: Path, why: str) -> ConfigurationError:
    where = f"the property {json.dumps('.'.join(path))}" if path else "the object"
    return ConfigurationError(f"{where} has no field in the form: {why}")
