"""What a plain YAML scalar means: as in YAML 1.2, and a refusal for what YAML 1.1 reads as a surprise."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

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
