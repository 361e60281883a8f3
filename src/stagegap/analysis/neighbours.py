"""Failing records beside their nearest passing neighbours: what is alike, and what differs."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.model.record import Record

Floats = NDArray[np.float64]
_WORD = re.compile(r"\w+")
MOST_WORDS = 6
FEWEST_ALIKE = 0.05
"""Cosine below which a neighbour is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A failing record and the passing one that is most like it."""

    record: str
    passing: str
    similarity: float
    """Cosine of the two, 0 to 1 for texts."""
    only_here: tuple[str, ...]
    """The rarest words that only the failing record has."""
    only_there: tuple[str, ...]


def nearest_passing(vectors: Floats, failed: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Per record, the passing one with the largest cosine and that cosine; -1 and NaN where there is none.

    `vectors` is records x features, from any embedding; `failed` is 1, 0 or NaN.
    """
    lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    passing = np.flatnonzero(failed == 0)
    failing = np.flatnonzero(failed == 1)
    best, similarity = np.full(len(failed), -1, dtype=np.int64), np.full(len(failed), math.nan)
    if len(passing) and len(failing):
        alike = unit[failing] @ unit[passing].T
        best[failing] = passing[alike.argmax(axis=1)]
        similarity[failing] = alike.max(axis=1)
    return best, similarity


def neighbours(records: Sequence[Record], failed: Floats, *, most: int = 200) -> tuple[Neighbour, ...]:
    """Failing records with their nearest passing neighbour by TF-IDF cosine of their texts, the closest first.

    A pair that is nearly alike and ends differently says more about a fault than a list of failures (contrast set,
    Gardner et al. 2020). At most `most` failing records are looked at, in the order of their ids.
    """
    words = [Counter(_WORD.findall(_text(record).casefold())) for record in records]
    weights = _rarity(words)
    failing = sorted(np.flatnonzero(failed == 1).tolist(), key=lambda i: records[i].id)[:most]
    passing: list[int] = np.flatnonzero(failed == 0).tolist()
    vectors = {i: _weighted(words[i], weights) for i in (*failing, *passing)}
    postings: dict[str, list[tuple[int, float]]] = {}
    for i in passing:
        for word, weight in vectors[i].items():
            postings.setdefault(word, []).append((i, weight))
    neighbours: list[Neighbour] = []
    for i in failing:
        scores: Counter[int] = Counter()
        for word, weight in vectors[i].items():
            for other, its in postings.get(word, ()):
                scores[other] += weight * its  # pyright: ignore[reportArgumentType]  # a Counter adds floats as well
        if not scores:
            continue
        other = max(scores, key=lambda place: (scores[place], records[place].id))
        if scores[other] >= FEWEST_ALIKE:
            neighbours.append(
                Neighbour(
                    record=records[i].id,
                    passing=records[other].id,
                    similarity=min(1.0, float(scores[other])),
                    only_here=_rarest(words[i].keys() - words[other].keys(), weights),
                    only_there=_rarest(words[other].keys() - words[i].keys(), weights),
                )
            )
    return tuple(sorted(neighbours, key=lambda neighbour: (-neighbour.similarity, neighbour.record)))


def _text(record: Record) -> str:
    return " ".join(value for value in record.fields.values() if isinstance(value, str))


def _rarity(words: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """The smoothed inverse document frequency of each word."""
    seen = Counter(word for counts in words for word in counts)
    return {word: math.log((1 + len(words)) / (1 + count)) + 1 for word, count in seen.items()}


def _weighted(words: Mapping[str, int], weights: Mapping[str, float]) -> dict[str, float]:
    """The TF-IDF vector of one record with length 1; how often a word occurs counts by its logarithm."""
    raw = {word: (1 + math.log(count)) * weights[word] for word, count in words.items()}
    length = math.sqrt(math.fsum(value**2 for value in raw.values()))
    return {word: value / length for word, value in raw.items()}


def _rarest(words: set[str], weights: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(sorted(words, key=lambda word: (-weights[word], word))[:MOST_WORDS])
