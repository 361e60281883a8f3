"""Metrics of labels, sets, numbers and objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from stagegap.model.answer import Answer
from stagegap.model.values import Json


def same(value: Json, answer: Answer) -> float:
    """1 when both are the same value, otherwise 0; lists are compared as sets, texts without outer spaces.

    `True` is not 1; 1 and 1.0 are the same number.
    """
    return float(canonical(value) == canonical(answer.value))


def canonical(value: Json) -> object:
    """A hashable that is equal for equal answers: lists as sets, `True` apart from 1."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, Mapping):
        return ("object", frozenset((key, canonical(entry)) for key, entry in value.items()))
    if isinstance(value, Sequence):
        return ("set", frozenset(canonical(entry) for entry in value))
    return value


def set_f1(value: Json, answer: Answer) -> float:
    """2 |A and B| / (|A| + |B|) of two sets; two empty sets are alike."""
    given, wanted = _members(value), _members(answer.value)
    if not given and not wanted:
        return 1.0
    return 2 * len(given & wanted) / (len(given) + len(wanted))


def _members(value: Json) -> frozenset[object]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return frozenset()
    return frozenset(canonical(entry) for entry in value)


def within(tolerance: tuple[float, bool]) -> Callable[[Json, Answer], float]:
    """1 when a number lies within the tolerance of the reference; the flag says "as a share of it"."""
    size, is_relative = tolerance

    def compare(value: Json, answer: Answer) -> float:
        wanted = answer.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            return 0.0
        if isinstance(wanted, bool) or not isinstance(wanted, int | float):
            return 0.0
        allowed = size * abs(wanted) if is_relative else size
        # Decimal input such as 0.3 against 0.2 within 0.1 must not fail on binary rounding.
        return float(abs(value - wanted) <= allowed + 1e-12 * max(1.0, abs(wanted)))

    return compare


def field_f1(value: Json, answer: Answer) -> float:
    """F1 of the leaves of two JSON objects: a leaf counts when its path and value agree.

    Positions in lists do not matter; repeats count.
    """
    given, wanted = Counter(_leaves(value, "")), Counter(_leaves(answer.value, ""))
    if not given and not wanted:
        return 1.0
    return 2 * (given & wanted).total() / (given.total() + wanted.total())


def _leaves(value: Json, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _leaves(entry, f"{path}/{key}")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for entry in value:
            yield from _leaves(entry, f"{path}/*")
    else:
        yield path, canonical(value)
