"""Log losses and what they are compared with, by numbers that can be worked out on paper."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import odd_plants
import odd_runs
import odd_screens
from stagegap.oddities.expected import SMALLEST, anchors, best_share, entropy, log_loss

RUN = odd_runs.clean(np.random.default_rng(1), 40)


def test_wrong_answer_leaves_the_right_one_what_is_left_of_the_confidence() -> None:
    good = np.r_[1.0, 0.0, 0.0, np.nan, np.zeros(36)]
    sure = np.r_[0.8, 0.8, 1.0, 0.8, np.full(36, np.nan)]
    stage = odd_plants.on(RUN, "route", good=good, confidence=sure).stages["route"]
    best, even = log_loss(stage, shared_by=1), log_loss(stage, shared_by=2)
    assert best[:2] == pytest.approx([-math.log(0.8), -math.log(0.2)])
    assert even[1] == pytest.approx(-math.log(0.1))
    assert best[2] == pytest.approx(-math.log(SMALLEST))
    assert np.isnan(best[3:]).all()


def test_entropy_is_that_of_the_votes() -> None:
    """Three people each: one mind, two against one, three minds; one person alone has no say."""
    people = replace(
        RUN.people["route"], record=np.repeat([0, 1, 2, 3], [3, 3, 3, 1]), person=np.r_[0:3, 0:3, 0:3, 0],
        answer=np.array([1, 1, 1, 1, 2, 1, 1, 2, 3, 1], dtype=np.uint64), active_ms=np.full(10, np.nan),
    )  # fmt: skip
    run = replace(RUN, people={"route": people})
    expected = [0, -(2 / 3) * math.log(2 / 3) - math.log(1 / 3) / 3, math.log(3)]
    assert entropy(run, "route")[:3] == pytest.approx(expected)
    assert np.isnan(entropy(run, "route")[3:]).all()
    assert best_share(run, "route")[:3] == pytest.approx([1, 2 / 3, 1 / 3])


def test_anchors_stand_side_by_side_and_need_answers() -> None:
    plot = anchors(odd_runs.clean(np.random.default_rng(1)), "route")
    assert plot is not None
    assert [mark.name.partition(" '")[0] for mark in plot.marks] == [
        "guessing, 1 of 3", "always", "route", "labellers", "best against one labeller",
    ]  # fmt: skip
    assert plot.marks[0].y.value == pytest.approx(1 / 3)
    assert anchors(RUN, "draft") is None
    alone = replace(RUN, people={}, rows=())
    plot = anchors(alone, "route")
    assert plot is not None
    assert len(plot.marks) == 3


def test_loss_beside_its_anchors_is_said_in_one_line() -> None:
    rng = np.random.default_rng(2)
    run = odd_plants.PLANTS["loss-prior"](odd_runs.clean(rng), rng)
    card = next(card for card in odd_screens.screened(run).cards if card.detector == "loss-prior")
    assert "guessing 1.10." in card.sentence  # log 3
    assert card.plot is not None
