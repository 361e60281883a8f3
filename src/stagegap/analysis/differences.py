"""How two answers differ: items and words that are missing or extra, never by colour alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

MOST_WORDS = 3_000
"""Texts with more words are not compared: the search for common words grows with the square of their number."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of an answer: in both, in the system's only (`extra`), or in the reference only (`missing`)."""

    kind: Literal["same", "extra", "missing"]
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Two answers side by side; each side holds all its pieces in its own order."""

    system: tuple[Mark, ...]
    reference: tuple[Mark, ...]

    @property
    def count(self) -> int:
        """How many pieces stand on one side only."""
        return sum(mark.kind != "same" for mark in (*self.system, *self.reference))


def list_difference(system: Sequence[str], reference: Sequence[str]) -> Difference:
    """Which items are extra and which are missing; the order does not count.

    >>> [mark.kind for mark in list_difference(["a", "b"], ["b", "c"]).reference]
    ['same', 'missing']
    """
    return Difference(
        tuple(Mark("same" if item in reference else "extra", item) for item in system),
        tuple(Mark("same" if item in system else "missing", item) for item in reference),
    )


def word_difference(system: str, reference: str) -> Difference | None:
    """The longest common runs of words, and what stands between them; None for texts that are too long.

    Joined, the pieces of a side are its text, blanks included. Words with other blanks behind them are the same.

    >>> [(mark.kind, mark.text) for mark in word_difference("Within 30 days.", "Within 14 days.").system]
    [('same', 'Within '), ('extra', '30 '), ('same', 'days.')]
    """
    ours, theirs = _words(system), _words(reference)
    if max(len(ours), len(theirs)) > MOST_WORDS:
        return None
    bare = [[word.strip() for word in words] for words in (ours, theirs)]
    left: list[Mark] = []
    right: list[Mark] = []
    for kind, start, end, other, other_end in SequenceMatcher(None, *bare, autojunk=False).get_opcodes():
        _add(left, "extra", kind, ours[start:end])
        _add(right, "missing", kind, theirs[other:other_end])
    return Difference(tuple(left), tuple(right))


def _add(side: list[Mark], alone: Literal["extra", "missing"], kind: str, words: Sequence[str]) -> None:
    text = "".join(words)
    if text:
        side.append(Mark("same" if kind == "equal" or text.isspace() else alone, text))


def _words(text: str) -> list[str]:
    """Split into words with the blanks behind them; those at the start belong to the first."""
    return re.findall(r"(?:^\s+)?\S+\s*|^\s+$", text)
