"""The conditions of `when`: CEL, compiled once, and the names that they read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stagegap.model.record import Json

_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*)
    | (?P<raw>[rR](?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|"[^"\n]*"|'[^'\n]*'))
    | (?P<text>[bB]?(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    | (?P<number>0x[0-9a-fA-F]+[uU]?|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?[uU]?)
    | (?P<name>[A-Za-z_]\w*)
    | (?P<sign>==|!=|<=|>=|&&|\|\||.)""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_NO_NAMES = frozenset({"true", "false", "null", "in"})
_EQUAL = ("==", "!=")
_BEFORE = frozenset({"", "(", "&&", "||", "!", "?", ":", ","})
_AFTER = frozenset({"", ")", "&&", "||", "?", ":", ",", "]"})
"""What may stand around a comparison that is all of its expression."""
_MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an expression."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Read:
    """One thing that an expression reads."""

    root: str
    """`record`, `confidence`, or what should be the name of a stage."""
    member: str | None
    """What is read of it: `record.subject` has the member `subject`; None for the whole."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A name compared with a fixed text by ==, != or in."""

    name: str
    text: str


def tokens(expression: str) -> tuple[Token, ...]:
    """Split an expression that has been compiled."""
    return tuple(
        Token(match.lastgroup or "", match[0]) for match in _TOKEN.finditer(expression) if match.lastgroup != "skip"
    )


def bound_names(tokens: Sequence[Token]) -> frozenset[str]:
    """The names that macros such as `exists(i, ...)` bind."""
    bound: set[str] = set()
    for place, token in enumerate(tokens):
        if token.text in _MACROS and _text(tokens, place - 1) == "." and _text(tokens, place + 1) == "(":
            after = place + 2
            while _kind(tokens, after) == "name" and _text(tokens, after + 1) == ",":
                bound.add(tokens[after].text)
                after += 2
    return frozenset(bound)


def read_names(tokens: Sequence[Token], bound: frozenset[str]) -> tuple[Read, ...]:
    """What is read, each once, in the order of the expression."""
    reads: dict[Read, None] = {}
    for place, token in enumerate(tokens):
        if _is_variable(tokens, place) and token.text not in bound:
            reads[Read(token.text, _member(tokens, place))] = None
    return tuple(reads)


def called(tokens: Sequence[Token]) -> tuple[str, ...]:
    """The names of functions and macros that are called."""
    names = (t.text for place, t in enumerate(tokens) if t.kind == "name" and _text(tokens, place + 1) == "(")
    return tuple(dict.fromkeys(name for name in names if name not in _NO_NAMES))


def compared(tokens: Sequence[Token]) -> tuple[Comparison, ...]:
    """The names that stand beside a fixed text, as in `route == "spam"` or `route in ["spam"]`."""
    pairs: list[tuple[str, str | None]] = []
    for place, token in enumerate(tokens):
        if not _is_variable(tokens, place):
            continue
        if _text(tokens, place + 1) in _EQUAL and _text(tokens, place + 3) in _AFTER:
            pairs.append((token.text, _fixed(tokens, place + 2)))
        if (
            _text(tokens, place - 1) in _EQUAL
            and _text(tokens, place - 3) in _BEFORE
            and _text(tokens, place + 1) in _AFTER
        ):
            pairs.append((token.text, _fixed(tokens, place - 2)))
        if _text(tokens, place + 1) == "in" and _text(tokens, place + 2) == "[":
            after = place + 3
            while _fixed(tokens, after) is not None:
                pairs.append((token.text, _fixed(tokens, after)))
                after += 2
    return tuple(Comparison(name, text) for name, text in pairs if text is not None)


def _fixed(tokens: Sequence[Token], place: int) -> str | None:
    return _literal(tokens[place]) if 0 <= place < len(tokens) else None


def _is_variable(tokens: Sequence[Token], place: int) -> bool:
    token = tokens[place]
    return (
        token.kind == "name"
        and token.text not in _NO_NAMES
        and _text(tokens, place - 1) != "."
        and _text(tokens, place + 1) != "("
    )


def _member(tokens: Sequence[Token], place: int) -> str | None:
    after = tokens[place + 1 : place + 4]
    match [token.text for token in after]:
        case [".", name, *rest] if rest[:1] != ["("]:
            return name
        case ["[", _, "]"]:
            return _literal(after[1])
        case _:
            return None


def _literal(token: Token) -> str | None:
    """The value of a text that is written as it is read: no bytes, no escapes; None for others."""
    if token.kind != "text" or token.text[0] in "bB" or "\\" in token.text:
        return None
    edge = 3 if token.text[:3] in ('"""', "'''") else 1
    return token.text[edge:-edge]


def _text(tokens: Sequence[Token], place: int) -> str:
    return tokens[place].text if 0 <= place < len(tokens) else ""


def _kind(tokens: Sequence[Token], place: int) -> str:
    return tokens[place].kind if 0 <= place < len(tokens) else ""


LONGEST = 2_000
"""Characters of a condition."""

FUNCTIONS = frozenset(
    {"size", "contains", "startsWith", "endsWith", "matches", "has", "int", "uint", "double", "string", "type"}
    | {"dyn", "duration", "timestamp", "bytes", "all", "exists", "exists_one", "map", "filter"}
)
"""What a condition may call."""

_PLACE = re.compile(r"ERROR: <input>:\d+:(\d+): (?:Syntax error: )?([^\n]*)")


class ConditionError(ValueError):
    """A condition that does not compile, or that gives no answer for a record; the message is one sentence."""


class Condition:
    """A compiled condition on the fields of a record and the values of stages.

    >>> Condition('route != "spam"').holds({}, {"route": "orders"}, {})
    True
    """

    def __init__(self, text: str) -> None:
        """Compile. Raises: ConditionError."""
        import cel

        if len(text) > LONGEST:
            raise ConditionError(f"The condition has {len(text)} characters; at most {LONGEST} are possible.")
        self.text = text
        try:
            self._program = cel.compile(text)
        except ValueError as error:
            raise ConditionError(f"{text!r} is no condition: {_syntax(str(error))}.") from None
        parsed = tokens(text)
        self.binds: frozenset[str] = bound_names(parsed)
        """Names that the condition gives itself, as `i` in `record.tags.exists(i, i == "new")`."""
        self.reads: tuple[Read, ...] = read_names(parsed, self.binds)
        self.calls: tuple[str, ...] = called(parsed)
        self.comparisons: tuple[Comparison, ...] = compared(parsed)
        """Names compared with fixed texts."""
        self._fields = tuple(r.member for r in self.reads if r.root == "record" and r.member)
        self._confidences = tuple(r.member for r in self.reads if r.root == "confidence" and r.member)
        self._stages = tuple(r.root for r in self.reads if r.root not in ("record", "confidence"))
        if {read.root for read in self.reads} != set(self._program.variables()) - self.binds:
            raise ConditionError(f"{text!r} can't be checked for what it reads; write it more simply.")

    def holds(
        self, record_fields: Mapping[str, Json], values: Mapping[str, Json], confidences: Mapping[str, Json]
    ) -> bool:
        """True when the stage is to be called.

        `values` and `confidences` go by stage and are None where a stage was skipped; a ranking's value is its ids.
        Raises: ConditionError where the condition gives neither true nor false.
        """
        try:
            answer: object = self._program.execute(self._variables(record_fields, values, confidences))
        except (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError) as error:
            raise ConditionError(
                f"{self.text!r} has no answer where {self._found(record_fields, values, confidences)}: "
                f"{_failure(error)}."
            ) from None
        if not isinstance(answer, bool):
            raise ConditionError(f"{self.text!r} gives {answer!r}, where true or false is needed.")
        return answer

    def _variables(
        self, record_fields: Mapping[str, Json], values: Mapping[str, Json], confidences: Mapping[str, Json]
    ) -> dict[str, Json]:
        """Only what is read: the engine copies every value that it is handed."""
        variables: dict[str, Json] = {name: values[name] for name in self._stages if name in values}
        if self._fields:
            variables["record"] = {name: record_fields[name] for name in self._fields if name in record_fields}
        if self._confidences:
            variables["confidence"] = {name: confidences[name] for name in self._confidences if name in confidences}
        return variables

    def _found(
        self, record_fields: Mapping[str, Json], values: Mapping[str, Json], confidences: Mapping[str, Json]
    ) -> str:
        parts: list[str] = []
        for read in self.reads:
            source = {"record": record_fields, "confidence": confidences}.get(read.root)
            name = read.root if source is None else f"{read.root}.{read.member}"
            key = read.root if source is None else str(read.member)
            holder = values if source is None else source
            parts.append(f"{name} is {repr(holder[key])[:40]}" if key in holder else f"{name} is missing")
        return ", ".join(dict.fromkeys(parts)) or "it reads nothing"


def _syntax(message: str) -> str:
    """The engine's first complaint without its list of everything that could stand there."""
    match = _PLACE.search(message)
    if match is None:
        return " ".join(message.split())[:200]
    return f"{match[2].partition(' expecting {')[0]} at character {match[1]}"


def _failure(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is not there"
    return " ".join(str(error).split())[:200].partition(". ")[0].rstrip(".")
