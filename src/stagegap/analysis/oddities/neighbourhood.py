"""Near-copies between two lists of texts: MinHash of character 5-grams, then the exact share in common.

One-permutation hashing (Li, Owen & Zhang 2012): the n-grams of a text are dealt into bins by their hash, and the
smallest of each bin stands for it; texts that agree on a band of bins are compared exactly (Jaccard of their 5-grams).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

GRAM = 5
ALIKE = 0.8
"""Jaccard from which two texts are near-copies."""
BINS, BAND = 64, 2
"""At a Jaccard of 0.8 some of 32 bands of 2 agrees with chance 1 - (1 - 0.64)^32, above 0.999999."""
LONGEST = 2_000
MOST_COMPARED = 200_000
_SPACE = re.compile(r"\W+")
_MIX = np.uint64(0x9E3779B97F4A7C15)


def normalised(text: str) -> str:
    """The text in lower case, with one space between words and no other signs.

    >>> normalised("Hello,  WORLD!")
    'hello world'
    """
    return _SPACE.sub(" ", text[:LONGEST].lower()).strip()


def near_copies(texts: Sequence[str], among: Sequence[str]) -> NDArray[np.float64]:
    """For each text, the largest share in common with one of `among`, where it is at least 0.8; else 0."""
    ours, theirs = ([normalised(text) for text in side] for side in (texts, among))
    best = np.zeros(len(ours))
    known = {text for text in theirs if text}
    for place, text in enumerate(ours):
        if text in known:
            best[place] = 1.0
    left = [place for place in range(len(ours)) if best[place] == 0 and len(ours[place]) > 2 * GRAM]
    signatures = _signatures([ours[place] for place in left]), _signatures(theirs)
    grams: dict[str, frozenset[str]] = {}
    for a, b in _candidates(*signatures):
        place = left[a]
        if best[place] < 1:
            share = _jaccard(_grams(ours[place], grams), _grams(theirs[b], grams))
            if share >= ALIKE:
                best[place] = max(best[place], share)
    return best


def _grams(text: str, known: dict[str, frozenset[str]]) -> frozenset[str]:
    if text not in known:
        known[text] = frozenset(text[i : i + GRAM] for i in range(max(len(text) - GRAM + 1, 1)))
    return known[text]


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / max(len(a | b), 1)


def _signatures(texts: Sequence[str]) -> NDArray[np.uint64]:
    """Texts x bins: the smallest hash of each bin, the largest number where it holds none."""
    empty = np.iinfo(np.uint64).max
    signatures = np.full((len(texts), BINS), empty, dtype=np.uint64)
    for place, text in enumerate(texts):
        raw = np.frombuffer(text.encode("utf-8"), dtype=np.uint8).astype(np.uint64)
        if len(raw) < GRAM:
            signatures[place, 0] = zlib.crc32(text.encode())
            continue
        rolled = np.zeros(len(raw) - GRAM + 1, dtype=np.uint64)
        for offset in range(GRAM):
            rolled = rolled * np.uint64(257) + raw[offset : len(raw) - GRAM + 1 + offset]
        hashed = rolled * _MIX
        hashed ^= hashed >> np.uint64(29)
        np.minimum.at(signatures[place], (hashed % np.uint64(BINS)).astype(np.int64), hashed // np.uint64(BINS))
    return signatures


def _candidates(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Each pair that agrees on a band, once; a bounded number of them."""
    seen: set[tuple[int, int]] = set()
    for first in range(0, BINS, BAND):
        places: dict[bytes, list[int]] = {}
        for place, row in enumerate(b[:, first : first + BAND]):
            places.setdefault(row.tobytes(), []).append(place)
        for place, row in enumerate(a[:, first : first + BAND]):
            if (row == np.iinfo(np.uint64).max).any():
                continue
            for other in places.get(row.tobytes(), ()):
                if (place, other) not in seen and len(seen) < MOST_COMPARED:
                    seen.add((place, other))
                    yield place, other
