"""Leaks: what the system may have seen of the records that it is judged on, near-copies included."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate
from stagegap.model.wording import plural
from stagegap.oddities.card import Detector, Family, Finding, claim, figure, occurrence, places
from stagegap.oddities.columns import Codes, Floats, RunColumns
from stagegap.stats.intervals import wilson_of
from stagegap.stats.significance import excess_p, trend
from stagegap.tables import figures

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


TELLS = 0.98
"""Share of the answers that one field may tell by itself before it is odd (METHODS: AUC above 0.98)."""
APART = 0.6
"""Area under the curve from which training records and scored ones are told apart worth mentioning."""
FEWEST = 30


def _copies(run: RunColumns) -> Iterator[Finding | None]:
    leaks = run.leaks
    if leaks is None:
        return
    hits = np.where(np.isnan(leaks.copies), np.nan, (leaks.copies > 0).astype(np.float64))
    words = f"{{found}} are copies or near-copies of a record in {leaks.split}."
    yield occurrence(run, "", hits, words, order=leaks.copies)
    for name in sorted(leaks.trained):
        good = run.stages[name].good
        looked = np.where(np.isnan(hits), np.nan, good)
        alike, others = (wilson_of(np.where(hits == is_copy, good, np.nan), run.units) for is_copy in (1.0, 0.0))
        yield claim(
            name, alike, excess_p(looked, hits == 1, run.units),
            f"{name} learned from {leaks.split}: right on {figure(alike)} of the {alike.n:,} that it may have seen, "
            f"on {figure(others)} of the {others.n:,} others.",
            scale="share", subject="copies pay", positions=places(hits, order=leaks.copies), count=int(np.nansum(hits)),
        )  # fmt: skip


def _groups(run: RunColumns) -> Iterator[Finding | None]:
    if run.leaks is not None:
        words = f"{{found}} belong to a cluster that also stands in {run.leaks.split}."
        yield occurrence(run, "", run.leaks.shares_group, words)


def _times(run: RunColumns) -> Iterator[Finding | None]:
    if run.leaks is not None:
        words = f"{{found}} are older than the newest record in {run.leaks.split}."
        yield occurrence(run, "", run.leaks.older, words)


def _answer_inside(run: RunColumns) -> Iterator[Finding | None]:
    for name, hits in run.leaks.holds_answer.items() if run.leaks else ():
        words = f"The right answer of {name} stands word for word in what it reads on {{found}}."
        yield occurrence(run, name, hits, words)


def _one_field(run: RunColumns) -> Iterator[Finding | None]:
    for (name, what), hits in run.leaks.telling.items() if run.leaks else ():
        right = wilson_of(hits, run.units)
        if right.n < FEWEST or not right.is_measured:
            continue
        reference = run.stages[name].reference
        common = np.bincount(reference[(reference >= 0) & ~np.isnan(hits)], minlength=1).max() / right.n
        yield Finding(
            stage=name, subject=what, statistic=right, scale="share", p=None,
            is_found=right.value >= TELLS and right.low > common,
            sentence=f"The field {what} alone tells the answer of {name} on {figure(right)} of {right.n:,} "
            f"{plural(run.cascade.noun, right.n)}; the commonest answer is right on {figures.share(float(common))}.",
            positions=places(hits), count=int(np.nansum(hits)),
        )  # fmt: skip


def _adversarial(run: RunColumns) -> Iterator[Finding | None]:
    leaks = run.leaks
    if leaks is None or len(leaks.told_apart) < FEWEST:
        return
    area = area_under_curve(leaks.told_apart, leaks.is_scored)
    _, p = trend(leaks.is_scored, leaks.told_apart, leaks.apart_units)
    yield claim(
        "", area, p if area.value >= APART else 1.0,
        f"A classifier tells the scored records from those in {leaks.split}: of a pair it picks the scored one in "
        f"{figure(area)} ({area.n:,} held out; 50% would be chance).",
        scale="share", count=area.n,
    )  # fmt: skip


def telling_hits(values: Codes, reference: Codes) -> Floats:
    """1 where the other records with the same value have this reference most often, NaN without a reference.

    A value that stands in one record alone tells nothing (0).
    """
    known = (values >= 0) & (reference >= 0)
    hits = np.full(len(values), np.nan)
    if not known.any():
        return hits
    _, v = np.unique(values[known], return_inverse=True)
    r = reference[known]
    table = np.zeros((int(v.max()) + 1, int(r.max()) + 1))
    np.add.at(table, (v, r), 1)
    own = table[v, r] - 1
    rows = table[v]
    rows[np.arange(len(v)), r] = -1
    hits[known] = (own > rows.max(axis=1)) & (own > 0)
    return hits


def area_under_curve(scores: Floats, positive: Floats) -> Estimate:
    """The chance that a positive scores above a negative, ties half, with Hanley and McNeil's interval (1982).

    >>> area_under_curve(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0, 1, 1])).value
    0.75
    """
    order = np.argsort(scores, kind="stable")
    values, first, counts = np.unique(scores[order], return_index=True, return_counts=True)
    middle = first + (counts + 1) / 2
    ranks = middle[np.searchsorted(values, scores)]
    m, n = int((positive == 1).sum()), int((positive == 0).sum())
    area = (float(ranks[positive == 1].sum()) - m * (m + 1) / 2) / (m * n)
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)) / (m * n)
    half = 1.96 * math.sqrt(max(variance, 0.0))
    return Estimate(
        value=area, low=max(0.0, area - half), high=min(1.0, area + half), n=m + n, method="Hanley & McNeil"
    )


DETECTORS = (
    Detector(
        name="copies", family=Family.TOO_GOOD, title="Scored records that stand in the training records",
        rule="any scored record that shares 80% or more of its 5-grams with a training record (MinHash); and, for a "
        "trained stage, right more often on those",
        why="What was learned by heart says nothing about what comes next.", look=_copies,
    ),
    Detector(
        name="shared-group", family=Family.TOO_GOOD, title="Clusters on both sides of the split",
        rule="any scored record whose cluster (customer, thread, document) also has training records",
        why="Records of one cluster are alike: a split through it tests memory.", look=_groups,
    ),
    Detector(
        name="time-order", family=Family.TOO_GOOD, title="Trained on what came later",
        rule="any scored record that is older than the newest training record, where records carry a time",
        why="In use the future is not there to learn from.", look=_times,
    ),
    Detector(
        name="answer-inside", family=Family.TOO_GOOD, title="The answer stands in the input",
        rule="any reference of 20 characters or more that stands word for word in the fields the stage reads",
        why="Copying is enough, so the score says little about answering.", look=_answer_inside,
    ),
    Detector(
        name="one-field", family=Family.TOO_GOOD, title="One field tells the answer",
        rule="other records with the same value of one field tell 98% or more of the references, above the commonest",
        why="Such a field is often made from the answer, and missing in use.", look=_one_field,
    ),
    Detector(
        name="told-apart", family=Family.TOO_GOOD, title="Training and scored records are not alike",
        rule="a classifier of texts tells held-out scored records from training ones, in 60% of pairs or more",
        why="A score on records of another kind may be too high or too low, nobody knows.", look=_adversarial,
    ),
)  # fmt: skip
