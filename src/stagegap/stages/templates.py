"""Prompts and request bodies from a stage's inputs, by Jinja2 in a sandbox, and one place of an answer by a path."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.cascade import Stage
from stagegap.model.record import Json
from stagegap.stages.protocol import Inputs
from stagegap.stages.settings import Remark

if TYPE_CHECKING:
    from jinja2 import Template

    from stagegap.stages.sandbox import Sandbox


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


class NotThere(ValueError):
    """A place that a value does not have; the message names it."""


def picked(value: Json, path: str) -> Json:
    """What stands at the path: keys of objects and positions of lists, with dots between. Raises: NotThere.

    >>> picked({"data": [{"label": "spam"}]}, "data.0.label")
    'spam'
    """
    member = value
    parts = path.split(".")
    for number, part in enumerate(parts, 1):
        if isinstance(member, Mapping) and part in member:
            member = member[part]
        elif isinstance(member, list) and part.isdecimal() and int(part) < len(member):
            member = member[int(part)]
        else:
            raise NotThere(f"the answer has no {'.'.join(parts[:number])}")
    return member


CHOICES = "choices"
"""Variable with the values of a `label` or `labels` stage, for prompts that list them."""


class PromptError(ValueError):
    """A template that can't be filled for a record; the message is one sentence."""


class Prompt:
    """A template of one stage."""

    def __init__(self, stage: Stage, *, path: Path) -> None:
        """Read and compile. Raises: ConfigurationError for a missing file, a syntax error, an unknown variable."""
        from jinja2 import TemplateError, TemplateSyntaxError, meta

        from stagegap.stages.sandbox import Sandbox

        start = f"Stage {stage.name!r}: the prompt {path}"
        try:
            self.text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{start} can't be read: {error}.") from None
        self._sandbox = sandbox = Sandbox(trim_blocks=True, lstrip_blocks=True)
        variables = {*stage.inputs, CHOICES}
        try:
            unknown = sorted(meta.find_undeclared_variables(sandbox.parse(self.text)) - variables)
            self._template: Template = sandbox.from_string(self.text)
        except TemplateSyntaxError as error:
            raise ConfigurationError(f"{start}:{error.lineno} is no template: {error.message}") from None
        if unknown:
            near = near_names(unknown[0], variables)
            raise ConfigurationError(f"{start} uses {unknown[0]!r}, which is no input of the stage. {near}")
        self._name = path.name
        self._choices = list(stage.output.values)
        self._failures = (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, RecursionError)

    def fill(self, inputs: Inputs) -> str:
        """The prompt for one record. Raises: PromptError."""
        try:
            return self._sandbox.fill(self._template, {CHOICES: self._choices, **inputs})
        except self._failures as error:
            raise PromptError(f"the prompt {self._name} can't be filled: {error}") from None


def prompt_remarks(path: str, inputs: Collection[str]) -> Iterator[Remark]:
    """Names in a prompt that are no inputs, each with its first line, and inputs that it never uses."""
    from jinja2 import TemplateSyntaxError, meta, nodes

    from stagegap.stages.sandbox import Sandbox

    try:
        text = Path(path).read_text(encoding="utf-8")
        tree = Sandbox(trim_blocks=True, lstrip_blocks=True).parse(text)
    except OSError:
        return  # a file that is not there is found where the cascade file is checked
    except UnicodeDecodeError as error:
        yield Remark(f"this is no UTF-8: {error}.", "Save it as UTF-8.", path=path)
        return
    except TemplateSyntaxError as error:
        yield Remark(f"this is no template: {error.message}", path=path, line=error.lineno)
        return
    undeclared = meta.find_undeclared_variables(tree)
    lines: dict[str, int] = {}
    for node in tree.find_all(nodes.Name):
        if node.ctx == "load":
            lines[node.name] = min(node.lineno, lines.get(node.name, node.lineno))
    known = {*inputs, CHOICES}
    for name in sorted(undeclared - known, key=lambda name: (lines.get(name, 0), name)):
        message = f"the prompt uses {name!r}, which is no input of the stage."
        yield Remark(message, near_names(name, known), path=path, line=lines.get(name))
    for name in inputs:
        if name not in undeclared:
            yield Remark(f"the prompt never uses the input {name!r}.", keys=("inputs", name), is_hint=True)


_WHOLE = re.compile(r"\s*\{\{\s*([A-Za-z_]\w*)\s*\}\}\s*", re.ASCII)


class TemplateError(ValueError):
    """A text that is no template, or that can't be filled for a record; the message is one sentence."""


class ValueTemplate:
    """A JSON value whose texts are templates.

    A text that is nothing but one input, as `"{{ documents }}"`, becomes the input itself, whatever its type.

    >>> ValueTemplate({"q": "about {{ topic }}", "k": 3, "all": "{{ tags }}"}).fill({"topic": "tents", "tags": ["a"]})
    {'q': 'about tents', 'k': 3, 'all': ['a']}
    """

    def __init__(self, value: Json) -> None:
        """Compile every text. Raises: TemplateError for one that is no template."""
        self._value = value
        self._texts: dict[str, Template | str] = {}
        self.reads: frozenset[str] = frozenset()
        """Names of the inputs that are used."""
        for text in _texts(value):
            self._add(text)

    def fill(self, inputs: Inputs) -> Json:
        """The value for one record. Raises: TemplateError."""
        return self._filled(self._value, inputs)

    def _add(self, text: str) -> None:
        from jinja2 import TemplateSyntaxError, meta

        whole = _WHOLE.fullmatch(text)
        try:
            self._texts[text] = whole[1] if whole else self._sandbox.from_string(text)
            self.reads |= meta.find_undeclared_variables(self._sandbox.parse(text))
        except TemplateSyntaxError as error:
            raise TemplateError(f"{text[:60]!r} is no template: {str(error.message).rstrip('.')}") from None

    @cached_property
    def _sandbox(self) -> Sandbox:
        from stagegap.stages.sandbox import Sandbox

        return Sandbox()

    def _filled(self, value: Json, inputs: Inputs) -> Json:
        if isinstance(value, str):
            return self._text(value, inputs) if value in self._texts else value
        if isinstance(value, Mapping):
            return {key: self._filled(item, inputs) for key, item in value.items()}
        if isinstance(value, Sequence):
            return [self._filled(item, inputs) for item in value]
        return value

    def _text(self, text: str, inputs: Inputs) -> Json:
        from jinja2 import TemplateError as JinjaError

        template = self._texts[text]
        if isinstance(template, str):
            return inputs[template]
        try:
            return self._sandbox.fill(template, inputs)
        except (JinjaError, TypeError, ValueError, LookupError, ArithmeticError, RecursionError) as error:
            raise TemplateError(f"{text[:60]!r} can't be filled: {error}") from None


def _texts(value: Json) -> list[str]:
    """The texts in a value that are templates."""
    if isinstance(value, str):
        return [value] if "{{" in value or "{%" in value else []
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, Sequence):
        return [text for item in value for text in _texts(item)]
    return []
