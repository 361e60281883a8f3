"""Nodes -> pydantic models, section by section, so that one bad key hides nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stagegap.errors import near_names
from stagegap.model.values import Json
from stagegap.spec.nodes import Entries, Entry, Findings, Items, Node, dotted, place, plain, pruned, quoted

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
}
_FORMS = {"good": 'Write ">= 0.8".'}
_BRANCH = ("<", "[")
"""How names of branches of unions, and pydantic's `[key]`, begin."""


def validated(model: type[M], entry: Entry, where: Iterable[str], findings: Findings) -> M | None:
    """The model of a section with its problems reported; None where it makes no sense without what is wrong.

    What is wrong is left out and the rest read again, so that later checks still see the rest.
    """
    node = entry.node
    try:
        return model.model_validate(plain(node))
    except ValidationError as error:
        details = error.errors(include_url=False)
    steps = [_steps(node, detail["loc"]) for detail in details]
    report = _Report(model, entry, tuple(where), findings)
    for detail, way in zip(details, steps, strict=True):
        report.add(detail, way)
    return lenient(model, pruned(node, steps)) or lenient(model, pruned(node, [way[:1] for way in steps]))


def lenient(model: type[M], node: Node) -> M | None:
    """The model of a section, or None where it does not fit; nothing is reported."""
    try:
        return model.model_validate(plain(node))
    except ValidationError:
        return None


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that a mapping of this model may have."""
    return [info.alias or name for name, info in model.model_fields.items()]


def _steps(node: Node, location: Sequence[int | str]) -> tuple[int | str, ...]:
    """A location of pydantic as keys and positions of the file: without the branches of unions."""
    steps: list[int | str] = []
    for position, part in enumerate(location):
        match node:
            case Entries() if isinstance(part, str) and part in node.entries:
                node = node.entries[part].node
            case Items() if isinstance(part, int):
                node = node.nodes[part]
            case Entries() if position == len(location) - 1 and not str(part).startswith(_BRANCH):
                pass
            case _:
                continue
        steps.append(part)
    return tuple(steps)


class _Report:
    """Turns what pydantic found in one section into sentences."""

    def __init__(self, model: type[BaseModel], entry: Entry, where: tuple[str, ...], findings: Findings) -> None:
        self._model = model
        self._entry = entry
        self._where = where
        self._findings = findings

    def add(self, detail: ErrorDetails, steps: tuple[int | str, ...]) -> None:
        """Report one error; `steps` is its location in the file."""
        add = self._findings.add
        kind, value, context = detail["type"], cast("Json", detail["input"]), detail.get("ctx", {})
        mark, name = place(self._entry, steps), dotted([*self._where, *steps])
        parent, last = dotted([*self._where, *steps[:-1]]), str(steps[-1]) if steps else ""
        match kind:
            case "extra_forbidden":
                owner = _at(self._model, detail["loc"][:-1])
                inside = f" in {parent}" if parent else ""
                add(mark, f"unknown key {last!r}{inside}.", near_names(last, keys_of(owner) if owner else ()))
            case "missing":
                add(mark, f"the key {name} is missing.", _described(_at(self._model, detail["loc"][:-1]), last))
            case "union_tag_not_found":
                tag = str(context["discriminator"]).strip("'")
                add(mark, f"the key {name}.{tag} is missing.")
            case "union_tag_invalid":
                tag = str(context["discriminator"]).strip("'")
                choices = str(context["expected_tags"]).replace("'", "").split(", ")
                mark = place(self._entry, (*steps, tag))
                add(mark, f"{name}.{tag} can't be {quoted(context['tag'])}.", near_names(str(context["tag"]), choices))
            case "string_pattern_mismatch" if detail["loc"][-1:] == ("[key]",):
                add(mark, f"{last!r} can't be a name in {parent}.", "Use letters, digits and _, no digit first.")
            case "string_pattern_mismatch":
                add(mark, f"{name} can't be {quoted(value)}.", _FORMS.get(last, ""))
            case _ if value is None:
                add(mark, f"{name} has no value.", f"It needs {_NEEDED.get(kind, 'one')}.")
            case "too_short":
                add(mark, f"{name} needs at least {context['min_length']} entries, found {quoted(value)}.")
            case "literal_error":
                choices = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
                add(mark, f"{name} can't be {quoted(value)}.", near_names(str(value), choices))
            case _ if kind in _NEEDED:
                is_scalar = kind == "string_type" and isinstance(value, bool | int | float)
                quote = f'Quote it: "{str(value).lower() if isinstance(value, bool) else value}".' if is_scalar else ""
                add(mark, f"{name} must be {_NEEDED[kind]}, found {quoted(value)}.", quote)
            case _:
                wanted = detail["msg"].removeprefix("Input ").removeprefix("String ").removeprefix("Value ")
                add(mark, f"{name} {_lower(wanted)}, found {quoted(value)}.")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _described(owner: type[BaseModel] | None, key: str) -> str:
    """The description of a key."""
    fields = owner.model_fields if owner else {}
    return next((info.description or "" for name, info in fields.items() if (info.alias or name) == key), "")


def _at(model: type[BaseModel], location: Iterable[int | str]) -> type[BaseModel] | None:
    """The model that stands at a location of pydantic, which also names the branches of unions."""
    current: list[type[BaseModel]] = [model]
    for part in location:
        fields = [i for m in current for n, i in m.model_fields.items() if (i.alias or n) == part]
        tagged = [
            m for m in current if "type" in m.model_fields and part in get_args(m.model_fields["type"].annotation)
        ]
        current = [m for info in fields for m in _models(info.annotation)] or tagged
    return current[0] if len(current) == 1 else None


def _models(annotation: object) -> list[type[BaseModel]]:
    """The models that an annotation names, through unions and containers."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
