"""Near-copies, fields that tell, and who can be told apart: on texts and tables whose truth is plain."""

from __future__ import annotations

import numpy as np
import pytest

import odd_plants
import odd_runs
import odd_screens
from stagegap.oddities.leaks import area_under_curve, near_copies, normalised, telling_hits

WORDS = [
    "parcel",
    "refund",
    "tyre",
    "light",
    "order",
    "bike",
    "chain",
    "helmet",
    "bottle",
    "pump",
    "brake",
    "saddle",
    "wheel",
    "frame",
    "bell",
    "lock",
    "bag",
    "glove",
]


def mail(rng: np.random.Generator, length: int = 40) -> str:
    return " ".join(rng.choice(WORDS, length))


def test_copies_and_near_copies_are_found_and_others_are_not() -> None:
    rng = np.random.default_rng(1)
    known = [mail(rng) for _ in range(200)]
    near = known[7].split()
    near[5] = "something"
    asked = [known[3].upper() + "!", " ".join(near), mail(rng), "", "ok"]
    found = near_copies(asked, known)
    assert found[0] == 1.0
    assert 0.8 <= found[1] < 1.0
    assert found[2:].tolist() == [0.0, 0.0, 0.0]


def test_nine_of_ten_texts_with_little_changed_are_found() -> None:
    rng = np.random.default_rng(2)
    known = [mail(rng, 60) for _ in range(100)]
    asked = [text.replace(text.split()[30], "elsewhere", 1) for text in known]
    assert (near_copies(asked, known) > 0).mean() >= 0.9


def test_no_texts_have_no_copies() -> None:
    assert near_copies([], ["a"]).tolist() == []
    assert near_copies(["abc def ghi jkl"], []).tolist() == [0.0]
    assert normalised("  A--b\n") == "a b"


def test_field_tells_what_other_records_with_its_value_say() -> None:
    values = np.array([0, 0, 0, 1, 1, 2, -1, 0])
    reference = np.array([5, 5, 5, 3, 4, 1, 1, -1])
    found = telling_hits(values, reference)
    assert np.nan_to_num(found, nan=-1).tolist() == [1, 1, 1, 0, 0, 0, -1, -1]
    assert np.isnan(telling_hits(np.array([-1]), np.array([-1]))).all()


def test_area_under_the_curve_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(3)
    kind = (rng.random(200) < 0.4).astype(float)
    score = np.round(rng.normal(kind, 1), 1)  # with ties
    found = area_under_curve(score, kind)
    assert found.value == pytest.approx(roc_auc_score(kind, score))
    assert found.low < found.value < found.high


def test_copies_that_pay_are_tested_for_trained_stages() -> None:
    rng = np.random.default_rng(4)
    run = odd_plants.leaking("copies", 0.2)(odd_runs.clean(rng), rng)
    assert run.leaks is not None
    good = np.where(run.leaks.copies == 1, 1.0, (rng.random(run.n) < 0.6).astype(float))
    cards = odd_screens.screened(odd_plants.on(run, "route", good=good, score=good)).cards
    card = next(card for card in cards if card.key == "copies/route/copies pay")
    assert "route learned from train: right on 100%" in card.sentence
    assert card.q < 0.05
