"""Values made from a stage's inputs: the body of a request, with Jinja2 in its texts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from stagegap.model.values import Json
from stagegap.stages.protocol import Inputs

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import SandboxedEnvironment

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
    def _sandbox(self) -> SandboxedEnvironment:
        from jinja2 import StrictUndefined
        from jinja2.sandbox import SandboxedEnvironment

        return SandboxedEnvironment(undefined=StrictUndefined)

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
            return template.render(inputs)
        except (JinjaError, TypeError, ValueError, LookupError, ArithmeticError) as error:
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
