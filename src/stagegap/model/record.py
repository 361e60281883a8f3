"""One case that goes through the cascade, and the JSON values that it is made of."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""A value that JSON can carry; never NaN or infinity."""

LOWEST, HIGHEST = -(2**63), 2**64 - 1
"""Whole numbers that are kept exactly: 64 bits, with or without a sign."""
SHOWN_DIGITS = 24
"""Digits of a number that a message shows."""


def number_problem(number: float) -> str:
    """What is wrong with a number that can't be kept as it is; empty for one that can.

    >>> number_problem(2**64 - 1), number_problem(2**64), number_problem(math.nan)
    ('', '18446744073709551616 has more than 64 bits', 'nan is no number that can be stored')
    """
    if isinstance(number, int):
        return "" if LOWEST <= number <= HIGHEST else f"{shown_number(number)} has more than 64 bits"
    return "" if math.isfinite(number) else f"{number} is no number that can be stored"


def odd_number(value: Json, place: str = "") -> tuple[str, str] | None:
    """Where a value first holds a number that can't be kept, as `a.0.b`, and what is wrong with it; None for nowhere.

    >>> odd_number({"a": [1, {"b": 2**70}]})
    ('a.1.b', '1180591620717411303424 has more than 64 bits')
    """
    if isinstance(value, str | bool) or value is None:
        return None
    if isinstance(value, int | float):
        problem = number_problem(value)
        return (place, problem) if problem else None
    entries = value.items() if isinstance(value, Mapping) else enumerate(value)
    for key, entry in entries:
        found = odd_number(entry, f"{place}.{key}" if place else str(key))
        if found:
            return found
    return None


def refuse_odd_numbers(value: Json) -> None:
    """Raises: ValueError where a value holds NaN, an infinity or a whole number beyond 64 bits."""
    if isinstance(value, str):
        return
    if isinstance(value, int | float):
        if problem := number_problem(value):
            raise ValueError(f"{problem}.")
    elif isinstance(value, Mapping):
        for entry in value.values():
            refuse_odd_numbers(entry)
    elif isinstance(value, Sequence):
        for entry in value:
            refuse_odd_numbers(entry)


def own_copy(value: Json) -> Json:
    """The value in lists and mappings of its own: who changes them changes nobody else's.

    >>> tags = ["a"]; own_copy({"tags": tags})["tags"] is tags
    False
    """
    if isinstance(value, str | int | float) or value is None:
        return value
    if isinstance(value, Mapping):
        return {key: own_copy(entry) for key, entry in value.items()}
    return [own_copy(entry) for entry in value]


def inner(value: Json, path: Sequence[str]) -> Json:
    """What stands inside a value under keys of objects and places in lists, one in the other; None where nothing does.

    >>> inner({"hits": [{"text": "a"}]}, ["hits", "0", "text"]), inner({"hits": []}, ["hits", "0", "text"])
    ('a', None)
    """
    for name in path:
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list | tuple) and name.isdecimal() and int(name[:9]) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def shown_number(number: int) -> str:
    """A whole number for a message, cut where it is long; Python writes none of more than 4,300 digits.

    >>> shown_number(10**400)
    'a number of about 400 digits'
    """
    digits = int(number.bit_length() * math.log10(2))
    return str(number) if digits < SHOWN_DIGITS else f"a number of about {digits:,} digits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A case with its fields, and what groups it for the statistics."""

    id: str
    fields: Mapping[str, Json]
    cluster: str = ""
    """Unit of independence (customer, thread, document); the record itself when empty."""
    split: str | None = None
    difficulty: str | None = None
    """Given by people, never derived from the system."""
    slices: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def unit(self) -> str:
        """The unit of independence: the cluster, or the record where none is given."""
        return self.cluster or self.id

    @property
    def is_held_out(self) -> bool:
        """True for the half of all units that is kept from an optimiser, whatever else there is."""
        return chance_of("held out", self.unit) < 0.5


def chance_of(purpose: str, name: str) -> float:
    """A number between 0 and 1 that is as good as drawn, and is the same for the same purpose and name."""
    digest = hashlib.blake2b(f"{purpose}\n{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


_SPAN = re.compile(r"(?P<source>.+)#(?P<start>\d+)-(?P<end>\d+)", re.DOTALL)


class Span(NamedTuple):
    """A piece of a source: its characters from `start` up to `end`, without that one."""

    source: str
    start: int
    end: int

    def overlap(self, other: Span) -> int:
        """How many characters both hold."""
        if self.source != other.source:
            return 0
        return max(0, min(self.end, other.end) - max(self.start, other.start))


def span_of(name: str) -> Span:
    """The span that an id names; an id that names none is a source of its own, whole, and counts as one character.

    >>> span_of("handbook#120-480")
    Span(source='handbook', start=120, end=480)
    >>> span_of("d7")
    Span(source='d7', start=0, end=1)
    """
    match = _SPAN.fullmatch(name)
    if match is None or int(match["start"]) >= int(match["end"]):
        return Span(name, 0, 1)
    return Span(match["source"], int(match["start"]), int(match["end"]))
