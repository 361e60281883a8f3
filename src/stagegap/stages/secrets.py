"""Secrets that a cascade file names and never holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from stagegap.errors import ConfigurationError
from stagegap.model.values import Json

MOST_CHARACTERS = 500


def variable(reference: Json) -> str:
    """The name of the environment variable that a secret stands for; "" where there is none.

    >>> variable({"$env": "KEY"}), variable("text")
    ('KEY', '')
    """
    return str(reference.get("$env", "")) if isinstance(reference, Mapping) else ""


def variables(value: Json) -> set[str]:
    """The names of all secrets in a value."""
    if isinstance(value, Mapping):
        name = variable(value)
        return {name} if name else {variable for item in value.values() for variable in variables(item)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return {variable for item in value for variable in variables(item)}
    return set()


def value_of(name: str, environment: Mapping[str, str], *, stage: str) -> str:
    """The value of a secret. Raises: ConfigurationError when it is not set."""
    value = environment.get(name, "")
    if not value:
        raise ConfigurationError(f"Stage {stage!r} needs the environment variable {name}, which is not set.")
    return value


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text on one line, at most 500 characters, without the secrets.

    >>> redacted("wrong key:\\n sk-1", ["sk-1", ""])
    'wrong key: ***'
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return " ".join(text.split())[:MOST_CHARACTERS]
