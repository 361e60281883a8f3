"""The words of a CEL expression: which names it reads, calls and compares.

The engine gives the names of an expression but not what is read of them; both together are checked against each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

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
