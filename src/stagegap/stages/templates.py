"""Prompts and request bodies from a stage's inputs, by Jinja2 in a sandbox that bounds what they take."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Sized
from contextvars import ContextVar
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment
from jinja2.visitor import NodeTransformer

from stagegap.errors import ConfigurationError, near_names, undecodable
from stagegap.model.cascade import Stage
from stagegap.model.record import Json
from stagegap.stages.protocol import Inputs
from stagegap.stages.settings import Remark

if TYPE_CHECKING:
    from jinja2 import Template


MOST_CHARACTERS = 10_000_000
"""Of any text that a template makes, the finished one among them."""
MOST_STEPS = 1_000_000
"""Passes of loops and calls while one template is filled."""
MOST_BITS = 100_000
"""Of a number that a template computes."""
_WIDTH = re.compile(r"\d{6,}|\*")
"""What asks for a width in a format that no text needs."""
_PADS = frozenset({"ljust", "rjust", "center", "zfill", "expandtabs", "indent"})
_steps: ContextVar[list[int]] = ContextVar("_steps")
"""How many steps the template that is being filled has made so far."""

# Any: values of a template are of any type, as jinja2 itself says.
Value = Any


class Sandbox(SandboxedEnvironment):
    """Compiles templates whose every way to a huge text or an endless loop is counted."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, *, trim_blocks: bool = False, lstrip_blocks: bool = False) -> None:
        super().__init__(undefined=StrictUndefined, trim_blocks=trim_blocks, lstrip_blocks=lstrip_blocks)
        # Through `vars`: jinja2 leaves the types of its tables open.
        vars(self)["globals"].pop("lipsum")
        self.finalize = _sized
        self.concat = _joined  # type: ignore[method-assign]  # jinja2 asks the environment for it
        filters = vars(self)["filters"]
        filters |= {name: _bounded(name, filters[name]) for name in _CHECKED}
        filters["stagegap_counted"] = _counted

    def fill(self, template: Value, values: Mapping[str, object]) -> str:
        """Fill a template of this sandbox. Raises: what jinja2 raises, SecurityError where a bound is reached."""
        mark = _steps.set([0])
        try:
            return cast("str", template.render(values))
        finally:
            _steps.reset(mark)

    def wrap_str_format(self, value: Value) -> Callable[..., str] | None:
        formatter = super().wrap_str_format(value)
        if formatter is None:
            return None

        def formatted(*given: Value, **named: Value) -> str:
            _refuse("format", value.__self__, given, named)
            return formatter(*given, **named)

        return formatted

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return cast("nodes.Template", _Counting().visit(super()._parse(source, name, filename)))

    def call(self, context: Context, function: Value, /, *given: Value, **named: Value) -> Value:
        _step()
        _refuse(getattr(function, "__name__", ""), getattr(function, "__self__", None), given, named)
        return super().call(context, function, *given, **named)

    def call_binop(self, context: Context, operator: str, left: Value, right: Value) -> Value:
        if operator == "+" and isinstance(left, Sized) and isinstance(right, Sized):
            _fits(len(left) + len(right))
        elif operator == "*":
            for many, times in ((left, right), (right, left)):
                if isinstance(many, Sized) and isinstance(times, int):
                    _fits(len(many) * times)
            if isinstance(left, int) and isinstance(right, int):
                _small(left.bit_length() + right.bit_length())
        elif operator == "**" and isinstance(left, int) and isinstance(right, int):
            _small(left.bit_length() * max(0, right))
        elif operator == "%" and isinstance(left, str) and _WIDTH.search(left):
            raise SecurityError("a format asks for a width that no text needs")
        return super().call_binop(context, operator, left, right)


class _Counting(NodeTransformer):
    """Counts the passes of loops, and turns `a ~ b` into an addition, whose size is known beforehand."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802  # the name says the node
        node = cast("nodes.For", self.generic_visit(node))
        node.iter = nodes.Filter(node.iter, "stagegap_counted", [], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802  # the name says the node
        node = cast("nodes.Concat", self.generic_visit(node))
        texts = [nodes.Filter(part, "string", [], [], None, None, lineno=node.lineno) for part in node.nodes]
        whole: nodes.Expr = texts[0]
        for text in texts[1:]:
            whole = nodes.Add(whole, text, lineno=node.lineno)
        return whole


def _step(count: int = 1) -> None:
    steps = _steps.get(None)
    if steps is not None:
        steps[0] += count
        if steps[0] > MOST_STEPS:
            raise SecurityError(f"it takes more than {MOST_STEPS:,} steps")


def _counted(values: Value) -> Value:
    """What a loop goes through, its passes counted beforehand."""
    if not isinstance(values, Sized):
        values = list(_each(cast("Iterable[object]", values)))
    else:
        _step(len(values))
    return values


def _each(values: Iterable[object]) -> Iterable[object]:
    for value in values:
        _step()
        yield value


def _joined(parts: Iterable[str]) -> str:
    pieces: list[str] = []
    size = 0
    for part in parts:
        size += len(part)
        _fits(size)
        pieces.append(part)
    return "".join(pieces)


def _fits(size: int) -> None:
    if size > MOST_CHARACTERS:
        raise SecurityError(f"it makes a text of more than {MOST_CHARACTERS:,} characters")


def _sized(value: Value) -> Value:
    """A value that is to be written as text, once its text is known to fit."""
    waiting: list[object] = [cast("object", value)] if isinstance(value, list | tuple | Mapping) else []
    size = 0
    while waiting:
        part = waiting.pop()
        size += len(part) if isinstance(part, str | bytes) else 2
        if isinstance(part, Mapping):
            entries = cast("Mapping[object, object]", part)
            size += len(entries)
            waiting += [*entries.keys(), *entries.values()]
        elif isinstance(part, list | tuple):
            waiting += cast("list[object]", part)
        _fits(size)
    return cast("object", value)


def _small(bits: int) -> None:
    if bits > MOST_BITS:
        raise SecurityError("it makes a number that is too large")


def _refuse(name: str, owner: object, given: tuple[Value, ...], named: Mapping[str, Value]) -> None:
    """Refuse a call of a text's method, or a filter, that would make a huge text."""
    every = [*given, *named.values()]
    if name in _PADS:
        for number in every:
            if isinstance(number, int):
                _fits(number * (str(owner).count("\t") + str(owner).count("\n") + 1) if name in _SPREADS else number)
    if name == "replace" and isinstance(owner, str) and len(every) > 1 and isinstance(every[1], str):
        _fits(len(owner) + (len(owner) + 1) * len(every[1]))
    if name == "join":
        _fits_joined(owner, every)
    if name in _WRITERS:
        _sized(owner)
    if name in ("format", "format_map") and isinstance(owner, str) and _WIDTH.search(owner):
        raise SecurityError("a format asks for a width that no text needs")


_WRITERS = frozenset({"string", "tojson", "pprint", "urlencode", "xmlattr"})
"""Filters that write a whole value as text."""
_SPREADS = frozenset({"expandtabs", "indent"})


def _fits_joined(owner: object, every: list[Value]) -> None:
    """Refuse a join of more than fits: `", ".join(list)` as `list | join(", ")`."""
    values, between = (every[0], owner) if isinstance(owner, str) and every else (owner, every[0] if every else "")
    if isinstance(values, list | tuple):
        lengths = [len(value) if isinstance(value, str) else 20 for value in cast("list[object]", values)]
        _fits(sum(lengths) + len(lengths) * len(str(between)))


_CHECKED = ("center", "indent", "replace", "join", "format", "string", "tojson", "pprint", "urlencode", "xmlattr")
"""Filters that can make a huge text of a small one."""


def _bounded(name: str, function: Callable[..., Value]) -> Callable[..., Value]:
    """A filter that is refused where its text would be huge; what jinja2 passes before the value is kept."""
    passed_first = hasattr(function, "jinja_pass_arg")

    def checked(*given: Value, **named: Value) -> Value:
        value, rest = (given[1], given[2:]) if passed_first else (given[0], given[1:])
        _refuse(name, value, rest, named)
        return function(*given, **named)

    if passed_first:
        checked.jinja_pass_arg = function.jinja_pass_arg  # type: ignore[attr-defined]  # how jinja2 marks such filters
    return checked


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

    def __init__(self, stage: Stage, *, path: Path, text: str | None = None) -> None:
        """Read, unless `text` is what stood there once, and compile.

        Raises: ConfigurationError for a missing file, a syntax error, an unknown variable.
        """
        from jinja2 import TemplateError, TemplateSyntaxError, meta

        start = f"Stage {stage.name!r}: the prompt {path}"
        try:
            self.text = path.read_text(encoding="utf-8") if text is None else text
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

    try:
        text = Path(path).read_bytes().decode("utf-8")
        tree = Sandbox(trim_blocks=True, lstrip_blocks=True).parse(text)
    except OSError:
        return  # a file that is not there is found where the cascade file is checked
    except UnicodeDecodeError as error:
        line, problem = undecodable(error)
        yield Remark(problem, "Save it as UTF-8.", path=path, line=line)
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
