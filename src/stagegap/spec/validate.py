"""Nodes -> pydantic models, section by section, so that one bad key hides nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stagegap.errors import near_names
from stagegap.model.values import Json
from stagegap.spec.nodes import Entries, Entry, Findings, dotted, place, plain, shown, without

M = TypeVar("M", bound=BaseModel)

_NEEDED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "union_tag_not_found": "a mapping that says its kind",
}


def validated(model: type[M], entry: Entry, where: Iterable[str], findings: Findings) -> M | None:
    """Give the model of a section with its problems reported; None where it makes no sense without what is wrong.

    What is wrong is left out and the rest read again, so that later checks still see the rest.
    """
    location, node = tuple(where), entry.node
    try:
        return model.model_validate(plain(node))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
    for detail in details:
        _report(detail, model, entry, location, findings)
    wrong = {part for detail in details for part in detail["loc"][:2] if isinstance(part, str)}
    if not isinstance(node, Entries) or not wrong & set(node.entries):
        return None
    try:
        return model.model_validate(plain(without(node, wrong)))
    except ValidationError:
        return None


def keys_of(model: type[BaseModel]) -> list[str]:
    """Give the keys that a mapping of this model may have."""
    return [info.alias or name for name, info in model.model_fields.items()]


def _report(
    detail: ErrorDetails, model: type[BaseModel], entry: Entry, where: tuple[str, ...], findings: Findings
) -> None:
    steps = [part for part in detail["loc"] if part not in ("<one>", "<list>", "<mapping>", "[key]")]
    kind, found = detail["type"], cast(Json, detail["input"])
    context = cast("Mapping[str, object]", detail.get("ctx", {}))
    mark, name = place(entry, steps), dotted([*where, *steps])
    owner = _owner(model, steps[:-1])
    if kind == "extra_forbidden":
        parent = dotted([*where, *steps[:-1]])
        findings.add(
            mark, f"unknown key {str(steps[-1])!r}{f' in {parent}' if parent else ''}.", near_names(str(steps[-1]), owner)
        )
    elif kind == "missing":
        mark = place(entry, steps[:-1])
        findings.add(mark, f"the key {name} is missing.", _described(model, steps))
    elif found is None:
        findings.add(mark, f"{name} has no value.", f"It needs {_NEEDED.get(kind, 'one')}.")
    elif kind == "literal_error":
        choices = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        findings.add(mark, f"{name} can't be {shown(found)}.", near_names(str(found), choices))
    elif kind in _NEEDED:
        quote = f' Quote it: "{_yaml(found)}".' if kind == "string_type" and isinstance(found, bool | int | float) else ""
        findings.add(mark, f"{name} must be {_NEEDED[kind]}, found {shown(found)}.", quote.strip())
    elif kind == "string_pattern_mismatch":
        hint = 'Write ">= 0.8".' if steps[-1:] == ["good"] else "Use letters, digits and _, a letter first, at most 64."
        what = f"{name} can't be {shown(found)}." if steps[-1] == "good" else f"{shown(found)} in {name} can't be a name."
        findings.add(mark, what, hint)
    else:
        message = detail["msg"].removeprefix("Input should ").removeprefix("String should ").removeprefix("Value should ")
        findings.add(mark, f"{name} should {message}, found {shown(found)}.")


def _yaml(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _owner(model: type[BaseModel], steps: Iterable[int | str]) -> list[str]:
    """Give the keys known where `steps` lead to, from `model` on."""
    current = _at(model, steps)
    return keys_of(current) if current else []


def _described(model: type[BaseModel], steps: list[int | str]) -> str:
    owner = _at(model, steps[:-1])
    for name, info in owner.model_fields.items() if owner else ():
        if (info.alias or name) == steps[-1]:
            return info.description or ""
    return ""


def _at(model: type[BaseModel], steps: Iterable[int | str]) -> type[BaseModel] | None:
    """Give the model that stands at a location of pydantic, which also names the branches of unions."""
    current: list[type[BaseModel]] = [model]
    for step in steps:
        fields = [i for m in current for n, i in m.model_fields.items() if (i.alias or n) == step]
        if fields:
            current = [m for info in fields for m in _models(info.annotation)]
        else:
            current = [m for m in current if _is_tagged(m, step)] or current
    return current[0] if len(current) == 1 else None


def _is_tagged(model: type[BaseModel], step: int | str) -> bool:
    info = model.model_fields.get("type")
    return info is not None and step in get_args(info.annotation)


def _models(annotation: object) -> list[type[BaseModel]]:
    """Give the models that an annotation names, through unions and containers."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
