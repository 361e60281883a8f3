"""Metrics of places: rectangles matched one to one by what they share, spans and segments by what they cover."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from stagegap.metrics.formulas import f1_of, folded, token_f1
from stagegap.model.answer import Answer
from stagegap.model.record import Json

Floats = NDArray[np.float64]
Place = Mapping[str, Json]
Compare = Callable[[Json, Answer], float]
THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""Of the mean over thresholds: 0.5, 0.55, ..., 0.95 (COCO, Lin et al. 2014)."""
SLACK = 1e-9
"""Below a threshold by this much is rounding."""


def matched_f1(threshold: float, *, with_text: bool = False) -> Compare:
    """F1 of places that are matched one to one: 2 x matched / (given + wanted).

    A pair may match where its intersection over union reaches the threshold and its labels are the same; with
    `with_text` also the folded texts. As many pairs are matched as can be (Kuhn 1955, by scipy). Two empty answers are
    alike.
    """

    def compare(value: Json, answer: Answer) -> float:
        given, wanted = _places(value), _places(answer.value)
        return _f1(_shares(given, wanted, with_text=with_text), threshold)

    return compare


def mean_matched_f1(value: Json, answer: Answer) -> float:
    """The mean of `matched_f1` over the thresholds 0.5 to 0.95 in steps of 0.05."""
    shares = _shares(_places(value), _places(answer.value), with_text=False)
    return sum(_f1(shares, threshold) for threshold in THRESHOLDS) / len(THRESHOLDS)


def text_f1(value: Json, answer: Answer) -> float:
    """F1 of the words in all places together, wherever they stand (SROIE 2019, task 2: words by their number)."""
    return token_f1(_words(value), Answer(value=_words(answer.value)))


def same_f1(value: Json, answer: Answer) -> float:
    """F1 of spans whose begin, end and label agree (CoNLL-2003, Tjong Kim Sang & De Meulder); two empty are alike."""
    return f1_of(map(_exact, _places(value)), map(_exact, _places(answer.value)))


def overlap_f1(value: Json, answer: Answer) -> float:
    """F1 of what spans or segments of each label cover: 2 x shared / (covered by one + covered by the other)."""
    given, wanted = _covered(_places(value)), _covered(_places(answer.value))
    total = sum(end - start for stretches in (given, wanted) for pieces in stretches.values() for start, end in pieces)
    shared = sum(_shared(pieces, wanted.get(label, ())) for label, pieces in given.items())
    return min(1.0, 2 * shared / total) if total else 1.0


def _places(value: Json) -> list[Place]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return []
    return [entry for entry in value if isinstance(entry, Mapping)]


def _words(value: Json) -> str:
    return "\n".join(str(place.get("text") or "") for place in _places(value))


def _exact(place: Place) -> tuple[object, ...]:
    return place.get("start"), place.get("end"), place.get("label")


def _edges(places: Sequence[Place]) -> Floats:
    """Left, top, right and bottom of each place; of a span or segment the second and fourth are 0 and 1."""
    rows = [
        (p["x"], p["y"], _number(p["x"]) + _number(p["w"]), _number(p["y"]) + _number(p["h"]))
        if "x" in p
        else (p["start"], 0, p["end"], 1)
        for p in places
    ]
    return np.array(rows, dtype=np.float64).reshape(len(places), 4)


def _number(value: Json) -> float:
    return float(cast("float", value))  # the gate lets numbers in only


def _shares(given: Sequence[Place], wanted: Sequence[Place], *, with_text: bool) -> Floats:
    """Intersection over union of each pair, 0 where pages, labels or texts differ."""
    a, b = _edges(given)[:, None, :], _edges(wanted)[None, :, :]
    shared = np.prod(np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None), axis=2)
    both = np.prod(a[..., 2:] - a[..., :2], axis=2) + np.prod(b[..., 2:] - b[..., :2], axis=2) - shared
    shares: Floats = np.divide(shared, both, out=np.zeros_like(shared), where=both > 0)
    return shares * _alike(given, wanted, with_text=with_text)


def _alike(given: Sequence[Place], wanted: Sequence[Place], *, with_text: bool) -> NDArray[np.bool_]:
    def key(place: Place) -> tuple[object, ...]:
        return place.get("page", 1), place.get("label"), folded(str(place.get("text") or "")) if with_text else ""

    codes: dict[tuple[object, ...], int] = {}
    ours, theirs = (
        np.array([codes.setdefault(key(place), len(codes)) for place in places], dtype=np.int64)
        for places in (given, wanted)
    )
    return ours[:, None] == theirs[None, :]


def _f1(shares: Floats, threshold: float) -> float:
    total = sum(shares.shape)
    if not total:
        return 1.0
    # Every pair counts more than all shares together, which decide between matchings of as many pairs.
    worth = np.where((shares >= threshold - SLACK) & (shares > 0), 1 + shares * 1e-6, 0.0)
    # scipy.optimize comes without types.
    from scipy.optimize import linear_sum_assignment  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    rows, columns = cast("tuple[NDArray[np.int64], ...]", linear_sum_assignment(worth, maximize=True))
    return 2 * int((worth[rows, columns] > 0).sum()) / total


def _covered(places: Sequence[Place]) -> dict[object, list[tuple[float, float]]]:
    """What places of each label cover, as stretches that do not touch."""
    covered: dict[object, list[tuple[float, float]]] = {}
    for place in sorted(places, key=lambda place: _number(place["start"])):
        pieces = covered.setdefault(place.get("label"), [])
        start, end = _number(place["start"]), _number(place["end"])
        if pieces and start <= pieces[-1][1]:
            pieces[-1] = (pieces[-1][0], max(end, pieces[-1][1]))
        else:
            pieces.append((start, end))
    return covered


def _shared(ours: Sequence[tuple[float, float]], theirs: Sequence[tuple[float, float]]) -> float:
    return sum(_common(ours, theirs))


def _common(ours: Sequence[tuple[float, float]], theirs: Sequence[tuple[float, float]]) -> Iterator[float]:
    """What two lists of stretches in order share, piece by piece."""
    here = there = 0
    while here < len(ours) and there < len(theirs):
        yield max(0.0, min(ours[here][1], theirs[there][1]) - max(ours[here][0], theirs[there][0]))
        if ours[here][1] <= theirs[there][1]:
            here += 1
        else:
            there += 1
