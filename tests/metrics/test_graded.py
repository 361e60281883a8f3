"""Rankings with gains, passages by their span in the source, and several acceptable sets."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.metrics import metric, score
from stagegap.metrics.formulas import shared, united
from stagegap.model.answer import Answer, Output, Reference, Status
from stagegap.model.record import Json


def graded(**gains: float) -> Json:
    return [{"id": name, "gain": gain} for name, gain in gains.items()]


def scored(value: Json, *accepted: Json, by: str) -> float:
    output = Output(record="r", stage="s", status=Status.OK, value=value)
    reference = Reference(record="r", stage="s", accepted=tuple(Answer(value=each) for each in accepted))
    return score(output, reference, metric(by))


def test_ndcg_of_the_textbook():
    """Gains 3, 2, 3, 0, 1, 2 in the order found (Manning et al. 2008 and many others): 0.961 of the best order."""
    found: Json = ["a", "b", "c", "d", "e", "f"]
    assert scored(found, graded(a=3, b=2, c=3, e=1, f=2), by="ndcg@6") == pytest.approx(0.96081, abs=1e-5)


def test_an_id_alone_is_worth_one_and_a_repeat_wins_nothing():
    assert scored(["b", "a"], ["a"], by="ndcg@2") == pytest.approx(1 / math.log2(3))
    assert scored(["a", "a", "b"], graded(a=2, b=1), by="ndcg@3") == pytest.approx((2 + 0.5) / (2 + 1 / math.log2(3)))
    assert (scored([], [], by="ndcg@3"), scored(["x"], [], by="ndcg@3")) == (1.0, 0.0)


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.1, 5), min_size=1), st.integers(1, 8), st.randoms())
def test_the_best_order_has_one_and_no_other_has_more(gains: dict[str, float], k: int, random: object):
    best = sorted(gains, key=lambda name: -gains[name])
    order = np.random.default_rng(len(gains)).permutation(sorted(gains)).tolist()
    assert scored([*best], graded(**gains), by=f"ndcg@{k}") == pytest.approx(1)
    assert 0 <= scored(order, graded(**gains), by=f"ndcg@{k}") <= 1


def test_other_metrics_read_a_graded_reference_by_its_ids():
    reference = graded(a=2, b=1)
    assert scored(["a", "x"], reference, by="recall@2") == 0.5
    assert scored(["x", "b"], reference, by="mrr") == 0.5
    assert scored(["b", "a"], reference, by="exact") == 1
    assert scored(["a", "b", "c"], reference, by="set_f1") == pytest.approx(0.8)


def test_the_best_of_several_acceptable_sets_counts():
    assert scored(["b", "c"], ["a"], ["b", "c"], by="recall@2") == 1
    assert scored(["b"], ["a"], ["b", "c"], by="recall@2") == 0.5


def test_a_label_of_one_cut_counts_by_what_it_shares_with_another():
    label: Json = ["handbook#100-300"]
    assert scored(["handbook#0-200", "handbook#200-400"], label, by="span_recall@2") == 1
    assert scored(["handbook#0-200", "handbook#200-400"], label, by="span_recall@1") == 0.5
    assert scored(["handbook#0-200", "handbook#200-400"], label, by="span_precision@2") == 0.5
    assert scored(["terms#0-400"], label, by="span_recall@1") == 0
    assert scored(["d1", "d2"], ["d2", "d3"], by="span_recall@2") == 0.5, "an id without a span is whole"
    assert (scored([], label, by="span_precision@3"), scored([], [], by="span_precision@3")) == (0.0, 1.0)
    assert scored([], [], by="span_recall@3") == 1.0


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=6), st.lists(st.integers(1, 38), max_size=5))
def test_another_way_of_cutting_changes_no_character(pieces: list[tuple[int, int]], cuts: list[int]):
    whole = [f"s#{start}-{start + length}" for start, length in pieces]
    ends = sorted({0, *cuts, 39})
    cut = [
        f"s#{max(start, a)}-{min(start + length, b)}"
        for start, length in pieces
        for a, b in itertools.pairwise(ends)
        if max(start, a) < min(start + length, b)
    ]
    characters = {at for start, length in pieces for at in range(start, start + length)}
    assert united(whole) == united(cut)
    assert shared(united(whole), united(cut)) == len(characters)
