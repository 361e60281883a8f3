"""What a user's Python function may give back or say about itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Function = TypeVar("Function", bound=Callable[..., object])
BATCH_MARK = "__stagegap_batch__"


@dataclass(frozen=True, slots=True)
class Answered:
    """A value with what else the function knows about it; returned in place of the bare value.

    >>> Answered("orders", confidence=0.8).alternatives
    ()
    """

    value: object
    confidence: float | None = None
    """In [0, 1]."""
    scores: Sequence[float] = ()
    """For a ranking: the score of each id, in its order."""
    alternatives: Sequence[object] = ()


def batch(function: Function) -> Function:
    """Mark a function that takes each input as a list and gives back a list: one entry a record, in the same order.

    >>> @batch
    ... def length(text: list[str]) -> list[int]:
    ...     return [len(one) for one in text]
    >>> is_batch(length)
    True
    """
    setattr(function, BATCH_MARK, True)
    return function


def is_batch(function: Callable[..., object]) -> bool:
    """Say whether the function was marked with `batch`."""
    return getattr(function, BATCH_MARK, False) is True
