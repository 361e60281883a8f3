"""The JSON schema of a cascade file, by which editors help and complain while somebody writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias, cast

from stagegap.model.record import Json
from stagegap.spec.schema import document_model

_Schema: TypeAlias = dict[str, Json]
_VARIABLE = r"^\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}$"


def json_schema() -> dict[str, Json]:
    """The JSON schema (2020-12), with a description for every key.

    A file with `extends` holds only what differs, so nothing is required in it and null removes a key.
    """
    full = _edited(cast(_Schema, document_model().model_json_schema(by_alias=True)))
    definitions = cast(dict[str, _Schema], full.pop("$defs"))
    definitions["Secret"] = {
        "type": "string",
        "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$",
        "description": "Name of an environment variable as ${NAME}; its value is never stored.",
    }
    definitions["Document"] = full
    partial = {f"{name}Variant": _partial(definition) for name, definition in definitions.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Cascade of stagegap",
        "description": "Stages that follow each other, and the score by which the whole is judged.",
        "type": "object",
        "if": {"required": ["extends"]},
        "then": {"$ref": "#/$defs/DocumentVariant"},
        "else": {"$ref": "#/$defs/Document"},
        "$defs": {**definitions, **partial},
    }


def write_schema(path: Path) -> None:
    """Write the schema as the file that editors are pointed to."""
    path.write_text(json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _edited(schema: _Schema) -> _Schema:
    """Close what pydantic leaves open, and allow ${NAME} wherever a value is no text."""
    result: _Schema = {}
    for key, value in schema.items():
        if key in ("title", "discriminator") and not (key == "title" and isinstance(value, Mapping)):
            continue
        result[key] = _each(value, _edited)
    if "patternProperties" in result:
        result["additionalProperties"] = False
    if result.get("type") in ("integer", "number", "boolean") or "enum" in result:
        described = {key: result.pop(key) for key in ("description", "default") if key in result}
        return {"anyOf": [result, {"type": "string", "pattern": _VARIABLE}], **described}
    return result


def _partial(schema: _Schema) -> _Schema:
    """The schema of a part of the same thing."""
    result: _Schema = {}
    for key, value in schema.items():
        match key, value:
            case "required" | "minProperties", _:
                continue
            case "additionalProperties", False:
                # null removes a key of the base, which may be one of another kind of stage.
                result[key] = {"type": "null"}
            case "$ref", str():
                result[key] = f"{value}Variant"
            case "oneOf", _:
                result["anyOf"] = _each(value, _partial)
            case "properties", Mapping():
                result[key] = {
                    name: {"anyOf": [_partial(cast(_Schema, p)), {"type": "null"}]} for name, p in value.items()
                }
            case "additionalProperties" | "patternProperties", Mapping():
                result[key] = _nullable(key, cast(_Schema, value))
            case _:
                result[key] = _each(value, _partial)
    return result


def _nullable(key: str, value: _Schema) -> Json:
    if key == "additionalProperties":
        return {"anyOf": [_partial(value), {"type": "null"}]}
    return {name: {"anyOf": [_partial(cast(_Schema, p)), {"type": "null"}]} for name, p in value.items()}


def _each(value: Json, change: Callable[[_Schema], _Schema]) -> Json:
    if isinstance(value, Mapping):
        return change(dict(value))
    if isinstance(value, list):
        return [_each(item, change) for item in value]
    return value
