"""`${NAME}` and `${NAME:-default}` in the texts of a cascade file, and secrets that stay names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stagegap.errors import near_names
from stagegap.spec.nodes import Entries, Entry, Findings, Items, Mark, Node, Scalar
from stagegap.spec.scalars import Surprise, resolve

_VARIABLE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^}]*)?\}|\$\{[^}]*\}?")
_SECRETS = ("api_key", "apikey", "token", "secret", "password", "authorization")
_NAMED_BY_USERS = frozenset({"inputs", "filter", "values", "schema"})
"""Mappings whose keys are the user's own words: an input called `token` is no secret."""


def is_secret(name: str) -> bool:
    """True for the names of keys and environment variables whose values must not be seen.

    >>> is_secret("OPENAI_API_KEY"), is_secret("max_tokens")
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

    def _scalar(self, node: Scalar, text: str) -> Scalar:
        result = _VARIABLE.sub(lambda match: self._value(match, node.mark), text)
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
        if is_secret(name):
            self._findings.add(
                mark,
                f"{name} looks like a secret, and its value would be stored here.",
                "Use it in a key such as api_key, or rename the variable.",
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
