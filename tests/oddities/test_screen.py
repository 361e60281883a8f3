"""Every detector finds what was planted for it, and stays silent where nothing is odd."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import odd_plants
import odd_runs
import odd_screens
from stagegap.analysis import views
from stagegap.oddities.card import Screen
from stagegap.oddities.screen import DETECTORS, look

RUN = odd_runs.clean(np.random.default_rng(1))


@pytest.mark.parametrize("detector", list(odd_plants.PLANTS))
def test_detector_finds_what_was_planted_and_nothing_without(detector: str) -> None:
    rng = np.random.default_rng(2)
    clean = odd_runs.clean(rng)
    assert not [card.key for card in odd_screens.screened(clean).cards]
    cards = odd_screens.screened(odd_plants.PLANTS[detector](clean, rng)).cards
    card = next(card for card in cards if card.detector == detector)
    assert card.statistic.is_measured
    assert card.n > 0
    assert card.sentence.endswith(".")
    assert "nan" not in card.sentence
    assert (card.kind == "found") == math.isnan(card.q)


def test_every_detector_has_a_plant() -> None:
    assert {detector.name for detector in DETECTORS} == set(odd_plants.PLANTS)


def test_words_of_detectors_are_complete() -> None:
    for detector in DETECTORS:
        assert detector.title[0].isupper()
        assert detector.why.endswith(".")
        assert not detector.rule.endswith(".")


@pytest.mark.parametrize("per_cluster", [1, 3])
def test_clean_runs_show_nothing(per_cluster: int) -> None:
    """The fast part of `make slow`, which holds 500 screens to 5%."""
    cards = odd_screens.clean_cards(20, n=300, per_cluster=per_cluster)
    assert sum(bool(shown) for shown in cards) <= 3


def test_tests_are_adjusted_together_and_rules_are_not() -> None:
    rng = np.random.default_rng(3)
    run = odd_plants.PLANTS["outside"](odd_plants.PLANTS["refused"](RUN, rng), rng)
    view = odd_screens.screened(run)
    assert view.tests == sum(one.finding.p is not None and not math.isnan(one.finding.p) for one in look(run))
    refused = next(card for card in view.cards if card.detector == "refused")
    outside = next(card for card in view.cards if card.detector == "outside")
    assert refused.p < refused.q < 0.05
    assert outside.kind == "found"
    assert outside.statistic.method.startswith("Wilson")
    assert f"{view.tests} tests" in view.basis


def test_weak_agreement_stands_first() -> None:
    rng = np.random.default_rng(3)
    run = odd_plants.PLANTS["refused"](RUN, rng)
    run = odd_plants.PLANTS["weak-agreement"](run, rng)
    assert odd_screens.screened(run).cards[0].detector == "weak-agreement"


def test_records_are_bounded_and_counted() -> None:
    rng = np.random.default_rng(3)
    run = odd_plants.on(RUN, "route", outside=np.ones(RUN.n))
    card = next(card for card in odd_screens.screened(run).cards if card.detector == "outside")
    assert (len(card.records), card.count) == (50, RUN.n)
    assert rng is not None


def test_run_without_people_scores_or_an_earlier_run_is_screened() -> None:
    nothing = np.full(RUN.n, np.nan)
    stages = {
        name: replace(one, good=nothing, score=nothing, confidence=nothing, latency=nothing, cost=nothing,
                      unstable=nothing, reference=np.full(RUN.n, -1))
        for name, one in RUN.stages.items()
    }  # fmt: skip
    bare = replace(
        RUN,
        stages=stages,
        people={},
        flagged={},
        earlier=None,
        others={},
        fields=None,
        fields_before=None,
        rows=(),
        files=(),
        leaks=None,
        curves=(),
        ablations=(),
    )
    view = odd_screens.screened(replace(bare, difficulty=nothing))
    assert view.headline == f"Nothing strange found by {sum(check.looked > 0 for check in view.checks)} checks"
    assert {check.detector for check in view.checks if check.looked} <= {
        "unparsable", "repaired", "refused", "empty", "cut", "shapes", "outside", "foreign", "same-input", "doubled"
    }  # fmt: skip


def test_run_of_one_cluster_claims_nothing_about_other_clusters() -> None:
    units = replace(RUN.units, codes=np.zeros(RUN.n, dtype=np.int64), count=1)
    view = odd_screens.screened(replace(RUN, units=units))
    assert not [card for card in view.cards if card.kind == "test"]


def test_view_survives_the_store() -> None:
    rng = np.random.default_rng(3)
    view = odd_screens.screened(odd_plants.PLANTS["calibration"](RUN, rng))
    assert views.to_json(views.from_json(Screen, views.to_json(view))) == views.to_json(view)
    card = next(card for card in view.cards if card.detector == "calibration")
    assert card.plot is not None
    assert len(card.plot.marks) > 1
