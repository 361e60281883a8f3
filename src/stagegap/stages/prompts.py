"""Prompts: Jinja2 templates in a sandbox, with the stage's inputs as variables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.cascade import Stage
from stagegap.stages.protocol import Inputs

if TYPE_CHECKING:
    from jinja2 import Template

CHOICES = "choices"
"""Variable with the values of a `label` or `labels` stage, for prompts that list them."""


class PromptError(ValueError):
    """A template that can't be filled for a record; the message is one sentence."""


class Prompt:
    """A template of one stage."""

    def __init__(self, stage: Stage, *, path: Path) -> None:
        """Read and compile. Raises: ConfigurationError for a missing file, a syntax error, an unknown variable."""
        from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, meta
        from jinja2.sandbox import SandboxedEnvironment

        start = f"Stage {stage.name!r}: the prompt {path}"
        try:
            self.text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{start} can't be read: {error}.") from None
        sandbox = SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
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
        self._failures = (TemplateError, TypeError, ValueError, LookupError, ArithmeticError)

    def fill(self, inputs: Inputs) -> str:
        """The prompt for one record. Raises: PromptError."""
        try:
            return self._template.render({CHOICES: self._choices, **inputs})
        except self._failures as error:
            raise PromptError(f"the prompt {self._name} can't be filled: {error}") from None
