"""Metrics of ranked ids against the relevant ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from stagegap.model.answer import Answer
from stagegap.model.values import Json


def ids(value: Json) -> list[str]:
    """The ids of a ranking, each once, best first; documents count by their `id`."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return []
    names = [str(entry["id"]) if isinstance(entry, Mapping) and "id" in entry else str(entry) for entry in value]
    return list(dict.fromkeys(names))


def recall_at(k: int) -> Callable[[Json, Answer], float]:
    """The share of the relevant ids that stand among the first k; 1 when none is relevant.

    The denominator is all relevant ids, also where there are more than k (trec_eval).
    """

    def compare(value: Json, answer: Answer) -> float:
        relevant = set(ids(answer.value))
        return len(relevant & set(ids(value)[:k])) / len(relevant) if relevant else 1.0

    return compare


def precision_at(k: int) -> Callable[[Json, Answer], float]:
    """How many of the first k ids are relevant, over k, also where fewer came back (trec_eval).

    Where no id is relevant: 1 if nothing came back, otherwise 0.
    """

    def compare(value: Json, answer: Answer) -> float:
        relevant, given = set(ids(answer.value)), ids(value)[:k]
        if not relevant:
            return float(not given)
        return len(relevant & set(given)) / k

    return compare


def reciprocal_rank(value: Json, answer: Answer) -> float:
    """1 / rank of the first relevant id, 0 without one; the mean over records is the MRR.

    Where no id is relevant: 1 if nothing came back, otherwise 0.
    """
    relevant, given = set(ids(answer.value)), ids(value)
    if not relevant:
        return float(not given)
    return next((1 / rank for rank, entry in enumerate(given, start=1) if entry in relevant), 0.0)
