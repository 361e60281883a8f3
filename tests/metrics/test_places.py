from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.metrics import metric, names_for
from stagegap.model.answer import Answer
from stagegap.model.cascade import PLACES, Kind
from stagegap.model.record import Json


def score(name: str, value: Json, wanted: Json) -> float:
    return metric(name).compare(value, Answer(value=wanted))


def box(x: float, y: float, w: float, h: float, **words: str) -> dict[str, Json]:
    return {"x": x, "y": y, "w": w, "h": h, **words}


def piece(start: float, end: float, **words: str) -> dict[str, Json]:
    return {"start": start, "end": end, **words}


def test_intersection_over_union_of_two_squares_that_share_a_corner() -> None:
    # Two squares of side 2 that share one of side 1: 1 / (4 + 4 - 1).
    ours, theirs = [box(0, 0, 2, 2)], [box(1, 1, 2, 2)]
    assert score("box_f1@0.1428571428", ours, theirs) == 1
    assert score("box_f1@0.1429", ours, theirs) == 0


def test_threshold_is_reached_by_what_equals_it() -> None:
    assert score("box_f1@0.5", [box(0, 0, 1, 2)], [box(0, 0, 1, 1)]) == 1
    assert score("box_f1@0.3", [box(0, 0, 0.1, 1)], [box(0, 0, 0.1, 0.3)]) == 1  # not exact in binary


def test_pairs_are_matched_so_that_as_many_as_can_be_are() -> None:
    # The first overlaps both, the second only what the first would take greedily.
    ours = [piece(0, 10), piece(0, 5)]
    theirs = [piece(0, 8), piece(4, 12)]
    assert score("segment_f1@0.3", ours, theirs) == 1
    assert score("segment_f1@0.3", list(reversed(ours)), theirs) == 1


def test_mean_over_thresholds_is_that_of_its_ten_parts() -> None:
    # 0.72 shared: matched at 0.5, 0.55, 0.6, 0.65 and 0.7.
    assert score("mean_box_f1", [box(0, 0, 72, 1)], [box(0, 0, 100, 1)]) == pytest.approx(0.5)
    parts = [score(f"box_f1@{50 + 5 * n}e-2", [box(0, 0, 72, 1)], [box(0, 0, 100, 1)]) for n in range(10)]
    assert sum(parts) / 10 == pytest.approx(0.5)


def test_label_and_text_decide_who_may_be_matched() -> None:
    ours = [box(0, 0, 5, 5, label="total", text="12.50"), box(9, 9, 5, 5, label="date", text="Today!")]
    theirs = [box(0, 0, 5, 5, label="total", text="13.50"), box(9, 9, 5, 5, label="date", text="TODAY")]
    assert score("box_f1@0.5", ours, theirs) == 1
    assert score("box_text_f1@0.5", ours, theirs) == 0.5
    assert score("box_f1@0.5", [box(0, 0, 5, 5)], [box(0, 0, 5, 5, label="total")]) == 0


def test_words_count_wherever_they_stand() -> None:
    ours = [box(0, 0, 5, 5, text="TAN WOON"), box(9, 9, 1, 1, text="yann")]
    assert score("text_f1", ours, [box(50, 0, 9, 9, text="Tan Woon Yann"), box(0, 0, 1, 1)]) == 1
    assert score("text_f1", ours, [box(0, 0, 1, 1, text="Tan Woon Yann Ltd")]) == pytest.approx(6 / 7)


def test_spans_are_the_same_with_begin_end_and_label() -> None:
    # CoNLL: of 3 given 2 are right, of 4 wanted 2 were found: P 2/3, R 1/2, F1 4/7.
    given_spans = [piece(0, 5, label="PER"), piece(9, 12, label="ORG"), piece(20, 24, label="LOC")]
    wanted = [given_spans[0], piece(9, 12, label="LOC"), given_spans[2], piece(30, 31, label="PER")]
    assert score("span_f1", given_spans, wanted) == pytest.approx(4 / 7)


def test_overlap_counts_what_is_covered_once_and_by_label() -> None:
    # 0-10 and 5-15 cover 15; 10-20 covers 10; they share 5: 2 x 5 / 25.
    assert score("overlap_f1", [piece(0, 10), piece(5, 15)], [piece(10, 20)]) == pytest.approx(0.4)
    assert score("overlap_f1", [piece(0, 10, label="a")], [piece(0, 10, label="b")]) == 0
    # Two stretches against one that spans both: 2 x (2 + 3) / (5 + 10).
    assert score("overlap_f1", [piece(1, 3), piece(6, 9)], [piece(0, 10)]) == pytest.approx(2 / 3)


names = [name.replace("IOU", "0.5") for kind in PLACES for name in names_for(kind)]


@pytest.mark.parametrize("name", dict.fromkeys(names))
def test_nothing_is_like_nothing_and_unlike_anything(name: str) -> None:
    place = {**box(0, 0, 5, 5), **piece(0, 5), "text": "a"}
    assert score(name, [], []) == 1
    assert score(name, [place], []) == score(name, [], [place]) == 0
    assert score(name, "no list", [place]) == 0


sizes = st.integers(1, 9).map(float)
starts = st.integers(0, 20).map(float)
labels = st.sampled_from(["a", "b"])
boxes = st.lists(
    st.fixed_dictionaries({"x": starts, "y": starts, "w": sizes, "h": sizes, "label": labels, "text": labels}),
    max_size=6,
)
pieces = st.lists(st.tuples(starts, sizes, labels).map(lambda p: piece(p[0], p[0] + p[1], label=p[2])), max_size=6)


@given(ours=boxes, theirs=boxes)
@pytest.mark.parametrize("name", ["box_f1@0.3", "mean_box_f1", "box_text_f1@0.5", "text_f1"])
def test_score_of_rectangles_lies_in_bounds_is_even_and_full_for_the_same(name: str, ours: Json, theirs: Json) -> None:
    assert 0 <= score(name, ours, theirs) <= 1
    assert score(name, ours, theirs) == pytest.approx(score(name, theirs, ours))
    assert score(name, ours, ours) == 1


@given(ours=pieces, theirs=pieces)
@pytest.mark.parametrize("name", ["span_f1", "overlap_f1", "segment_f1@0.4"])
def test_score_of_pieces_lies_in_bounds_is_even_and_full_for_the_same(name: str, ours: Json, theirs: Json) -> None:
    assert 0 <= score(name, ours, theirs) <= 1
    assert score(name, ours, theirs) == pytest.approx(score(name, theirs, ours))
    assert score(name, ours, ours) == 1


@given(ours=pieces, theirs=pieces)
def test_matching_is_the_best_of_all(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> None:
    short, long = sorted((ours[:4], theirs[:4]), key=len)

    def may(a: dict[str, float], b: dict[str, float]) -> bool:
        shared = max(0.0, min(a["end"], b["end"]) - max(a["start"], b["start"]))
        return shared / (a["end"] - a["start"] + b["end"] - b["start"] - shared) >= 0.4 and a["label"] == b["label"]

    best = max(sum(may(a, b) for a, b in zip(short, order, strict=True)) for order in permutations(long, len(short)))
    total = len(short) + len(long)
    assert score("segment_f1@0.4", list(short), list(long)) == pytest.approx(2 * best / total if total else 1)


@given(ours=boxes, theirs=boxes, low=st.floats(0.05, 1), high=st.floats(0.05, 1))
def test_higher_threshold_matches_no_more(ours: Json, theirs: Json, low: float, high: float) -> None:
    low, high = sorted((low, high))
    assert score(f"box_f1@{high}", ours, theirs) <= score(f"box_f1@{low}", ours, theirs)


@pytest.mark.parametrize("name", ["box_f1@0", "box_f1@1.5", "box_f1@half", "segment_f1@nan"])
def test_threshold_is_a_share(name: str) -> None:
    with pytest.raises(ValueError, match="needs a share above 0 and at most 1"):
        metric(name)


def test_every_metric_of_a_type_of_place_has_a_bar_and_says_why() -> None:
    for kind in (*PLACES, Kind.TRANSCRIPT):
        for name in names_for(kind):
            known = metric(name.replace("IOU", "0.5"))
            assert 0 < known.bar <= 1
            assert known.why_bar


def test_rectangles_of_two_pages_never_match() -> None:
    ours = [box(0, 0, 2, 2), {**box(0, 0, 2, 2), "page": 2}]
    assert score("box_f1@0.5", ours, ours[1:]) == pytest.approx(2 / 3)
    assert score("box_f1@0.5", ours[:1], ours[1:]) == 0
