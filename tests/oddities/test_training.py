from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from odd_runs import clean
from stagegap.model.curves import Curve, Training
from stagegap.oddities.steps import DETECTORS

STEPS = tuple(range(10))


def strange(*curves: Curve, prior: float = math.log(4)) -> list[tuple[str, str]]:
    training = Training(stage="route", key="k", records=80, prior=prior, curves=curves, seconds=1.0)
    run = replace(clean(np.random.default_rng(0)), trainings=(training,))
    findings = [(detector.name, finding) for detector in DETECTORS for finding in detector.look(run)]
    return [(name, finding.sentence) for name, finding in findings if finding is not None and finding.is_found]


def curve(name: str, *values: float) -> Curve:
    return Curve(name=name, steps=STEPS[: len(values)], values=values)


FALLING = curve("loss", *(2 / (step + 1) for step in STEPS))


def test_a_training_that_goes_well_is_not_strange() -> None:
    aside = curve("held_out_loss", *(2.2 / (step + 1) for step in STEPS))
    assert strange(FALLING, aside, curve("score", 0.4, 0.5, 0.7), curve("log_loss", 1.4, 1.0, 0.6)) == []


@pytest.mark.parametrize(
    ("curves", "detector", "sentence"),
    [
        (
            [curve("loss", 1.0, 0.8, math.nan, math.nan)],
            "training-apart",
            "loss of route is no finite number at step 2 and at 1 more.",
        ),
        (
            [curve("loss", 3.0, 1.0, 0.5, 1.0, 2.0, 2.9)],
            "training-apart",
            "loss of route came down to 0.5 at step 2 and ends at 2.9 (6 steps).",
        ),
        (
            [curve("loss", 1.0, 0.99, 1.0, 0.99, 0.99)],
            "training-flat",
            "loss of route begins at 1 and ends at 0.99 (5 steps, 80 records).",
        ),
        (
            [curve("log_loss", 2.0, 1.6, 1.5)],
            "training-guess",
            "log_loss of route is 1.5 at its best, step 2; knowing the shares of the references alone costs 1.39 "
            "(80 records).",
        ),
        (
            [curve("log_loss", 0.2, 0.1)],
            "training-guess",
            "log_loss of route is 0.2 before its first step; knowing the shares of the references alone costs 1.39 "
            "(80 records).",
        ),
        (
            [curve("score", *[0.6] * 10), curve("held_out_score", *[0.7] * 10)],
            "training-held-out",
            "route ends with held_out_score 0.7 and score 0.6: better on held-out records at 5 of the last 5 steps.",
        ),
        (
            [FALLING, curve("held_out_loss", *(1 / (step + 1) for step in STEPS))],
            "training-held-out",
            "route ends with held_out_loss 0.1 and loss 0.2: better on held-out records at 5 of the last 5 steps.",
        ),
    ],
)
def test_a_curve_that_does_not_look_right_makes_a_card(curves: list[Curve], detector: str, sentence: str) -> None:
    assert strange(*curves) == [(detector, sentence)]


def test_too_few_steps_or_a_missing_half_say_nothing() -> None:
    assert strange(curve("loss", 1.0, 1.0), curve("held_out_error", *[1.0] * 4)) == []
    assert strange(curve("held_out_score", 0.9, math.nan, 0.9), curve("score", *[0.1] * 3))[0][0] == "training-apart"


def test_a_stage_without_classes_has_no_price_of_guessing() -> None:
    assert strange(curve("log_loss", 9.0, 8.0), prior=math.nan) == []
