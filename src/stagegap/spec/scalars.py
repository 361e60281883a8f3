"""What texts of a cascade file mean: plain scalars as in YAML 1.2, `${NAME}`, and secrets that stay names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from stagegap import redaction
from stagegap.errors import near_names
from stagegap.spec.nodes import Entries, Entry, Findings, Items, Mark, Node, Scalar

_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)
_DECIMAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?", re.ASCII)
_LONGEST_INTEGER = 18
"""Digits; what has more does not survive every JSON reader."""

_SURPRISES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"yes|Yes|YES|on|On|ON"), "true"),
    (re.compile(r"no|No|NO|off|Off|OFF"), "false"),
    (re.compile(r"True|TRUE"), "true"),
    (re.compile(r"False|FALSE"), "false"),
    (re.compile(r"Null|NULL"), "null"),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), "infinity, which is no value here"),
    (re.compile(r"\.(nan|NaN|NAN)"), "not-a-number, which is no value here"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?", re.ASCII), "a date"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?", re.ASCII), "a number in base 60"),
    (re.compile(r"[-+]?0b[01_]+"), "a binary number"),
    (re.compile(r"[-+]?0x[0-9a-fA-F_]+"), "a hexadecimal number"),
    (re.compile(r"[-+]?0o?[0-7_]+"), "an octal number"),
    (re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?", re.ASCII), "a number"),
)


@dataclass(frozen=True, slots=True)
class Surprise:
    """A scalar that YAML readers disagree about."""

    reading: str
    """What YAML 1.1 makes of it."""


def resolve(text: str) -> bool | int | float | str | Surprise | None:
    """The value of a scalar that was written without quotes.

    >>> resolve("3"), resolve("3e2"), resolve("orders")
    (3, 300.0, 'orders')
    >>> resolve("no")
    Surprise(reading='false')
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        if len(text.lstrip("+-")) > _LONGEST_INTEGER:
            return Surprise("a number of more digits than can be kept exactly")
        return int(text)
    if _DECIMAL.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else Surprise("infinity, which is no value here")
    for pattern, reading in _SURPRISES:
        if pattern.fullmatch(text):
            return Surprise(reading)
    return text


_VARIABLE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^}]*)?\}|\$\{[^}]*\}?")
_SECRETS = ("api_key", "apikey", "token", "secret", "password", "authorization")
_NAMED_BY_USERS = frozenset({"inputs", "filter", "values", "schema"})
"""Mappings whose keys are the user's own words: an input called `token` is no secret."""
_ADDRESSES = frozenset({"url", "base_url"})
"""Settings in which a secret may stand among other text: it is read at the first call."""


def is_secret(name: str) -> bool:
    """True for the names of settings whose values must not be seen; `redaction.is_secret` is for variables.

    >>> is_secret("api_key"), is_secret("max_tokens")
    (True, False)
    """
    return name.lower().replace("-", "_").endswith(_SECRETS)


def _is_secret_header(name: str) -> bool:
    return is_secret(name) or name.lower().endswith(("key", "auth", "cookie"))


def substitute(node: Node, environment: Mapping[str, str], findings: Findings) -> Node:
    """The node with every variable replaced; a secret becomes `{"$env": NAME}` and its value is not looked at."""
    return _Substitution(environment, findings).node(node, in_with=False)


class _Substitution:
    def __init__(self, environment: Mapping[str, str], findings: Findings) -> None:
        self._environment = environment
        self._findings = findings

    def node(self, node: Node, *, in_with: bool) -> Node:
        match node:
            case Scalar(value=str(text)) if "${" in text:
                return self._scalar(node, text)
            case Scalar():
                return node
            case Items():
                return Items(tuple(self.node(item, in_with=in_with) for item in node.nodes), node.mark)
            case _:
                return Entries(
                    {key: self._entry(key, entry, in_with) for key, entry in node.entries.items()}, node.mark
                )

    def _entry(self, key: str, entry: Entry, in_with: bool) -> Entry:
        if in_with and key == "headers" and isinstance(entry.node, Entries):
            return Entry(entry.key_mark, self._headers(entry.node))
        if in_with and is_secret(key) and isinstance(entry.node, Scalar) and entry.node.value is not None:
            return Entry(entry.key_mark, self._secret(key, entry.node))
        if in_with and key in _ADDRESSES and isinstance(entry.node, Scalar) and isinstance(entry.node.value, str):
            return Entry(entry.key_mark, self._scalar(entry.node, entry.node.value, keeps_secrets=True))
        inside = (in_with or key == "with") and key not in _NAMED_BY_USERS
        return Entry(entry.key_mark, self.node(entry.node, in_with=inside))

    def _headers(self, node: Entries) -> Entries:
        """Headers with every `${NAME}` kept as a name: it may be a key, whatever the header is called."""
        entries: dict[str, Entry] = {}
        for key, entry in node.entries.items():
            value = entry.node.value if isinstance(entry.node, Scalar) else None
            whole = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
            is_name = whole is not None and whole["name"] is not None and whole["default"] is None
            if isinstance(entry.node, Scalar) and value is not None and (is_name or _is_secret_header(key)):
                entries[key] = Entry(entry.key_mark, self._secret(key, entry.node))
            else:
                entries[key] = Entry(entry.key_mark, self.node(entry.node, in_with=True))
        return Entries(entries, node.mark)

    def _secret(self, key: str, node: Scalar) -> Node:
        """The name of the variable; what stands there instead is never shown."""
        match = _VARIABLE.fullmatch(node.value) if isinstance(node.value, str) else None
        if match is None or match["name"] is None or match["default"] is not None:
            self._findings.add(
                node.mark,
                f"{key} holds a secret in the file itself.",
                "Write ${NAME}, the name of an environment variable.",
            )
        name = (match and match["name"]) or "NAME"
        return Entries({"$env": Entry(node.mark, Scalar(name, node.mark))}, node.mark)

    def _scalar(self, node: Scalar, text: str, *, keeps_secrets: bool = False) -> Scalar:
        """The text with its variables replaced; with `keeps_secrets` those that are secrets stay as `${NAME}`."""

        def written(match: re.Match[str]) -> str:
            is_kept = (
                keeps_secrets and match["name"] and match["default"] is None and redaction.is_secret(match["name"])
            )
            return match[0] if is_kept else self._value(match, node.mark)

        result = _VARIABLE.sub(written, text)
        whole = _VARIABLE.fullmatch(text)
        if node.is_plain and whole and whole["name"]:
            value = resolve(result)
            return Scalar(result if isinstance(value, Surprise) else value, node.mark)
        return Scalar(result, node.mark)

    def _value(self, match: re.Match[str], mark: Mark) -> str:
        name: str | None = match["name"]
        if match[0] == "$${":
            return "${"
        if name is None:
            self._findings.add(
                mark, f"found {match[0]!r}.", "Write ${NAME}, ${NAME:-default}, or $${ for the text itself."
            )
            return match[0]
        if redaction.is_secret(name):
            self._findings.add(
                mark,
                f"{name} looks like a secret, and its value would be stored here.",
                "Use it in a setting such as api_key, token, headers or url, or rename the variable.",
            )
            return match[0]
        if name in self._environment:
            return self._environment[name]
        default: str | None = match["default"]
        if default is None:
            known = near_names(name, self._environment)
            near = known if known.startswith("Did you mean") else ""
            hint = f"Set it, or write ${{{name}:-default}}."
            self._findings.add(mark, f"the environment variable {name} is not set.", f"{hint} {near}".strip())
            return match[0]
        return default.removeprefix(":-")
