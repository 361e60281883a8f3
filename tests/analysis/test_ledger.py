from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import planted
from stagegap.analysis.changes import Comparison
from stagegap.analysis.compare import compare
from stagegap.analysis.ledger import (
    Calibration,
    LedgerRow,
    calibration,
    ledger_row,
    peek,
    proposed_outcome,
    waiting_row,
)
from stagegap.analysis.scorecard import scorecard
from stagegap.analysis.views import StageRow, from_json, to_json
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.run import Expectation
from stagegap.stats.significance import e_value
from versions import Versions, evidence, side

BASE = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.95, "B": 0.7, "C": 0.9})
BETTER = Versions(base=BASE, new={"B": 0.85}).mixed("B")


def comparison(n: int = 300, *, per_cluster: int = 1) -> Comparison:
    luck = BASE.luck(n, np.random.default_rng(5))
    records = planted.records(n, per_cluster=per_cluster)
    old, new = (side(name, evidence(made, luck, records)) for name, made in (("v1", BASE), ("v2", BETTER)))
    return compare(old, new, seed=1, resamples=300)


VIEW = comparison()


def expected(place: str, predicted: float, **more: Any) -> Expectation:
    return Expectation(id="e1", place=place, predicted=predicted, reason="bigger index", who="ann", at=12.0, **more)


@pytest.mark.parametrize(
    ("place", "predicted", "verdict", "inside"),
    [
        ("B", 0.15, "as expected", True),
        ("B", 0.40, "less than expected", False),
        ("outcome", 0.01, "more than expected", False),
        ("A", 0.0, "as expected", True),
        ("Z", 0.1, "not measured", None),
    ],
)
def test_a_prediction_is_held_against_the_interval(place: str, predicted: float, verdict: str, inside: bool | None):
    row = ledger_row(expected(place, predicted), VIEW)
    assert (row.verdict, row.is_inside, row.run) == (verdict, inside, "v2")
    assert row.error == pytest.approx(row.came.value - predicted, nan_ok=True)


def test_a_row_is_a_sentence():
    assert ledger_row(expected("B", 0.05), VIEW).sentence == (
        "B: expected +5, came +14 (95% interval 10 to 18): more than expected"
    )
    assert ledger_row(expected("Z", 0.05), VIEW).sentence == "Z: expected +5, not measured: v2 has no Z"
    assert waiting_row(expected("B", -0.02)).sentence == "B: expected −2, not measured: no run yet"
    assert not waiting_row(expected("B", -0.02)).peek.is_safe


def test_a_stated_range_holds_the_value_or_not():
    assert ledger_row(expected("B", 0.1, low=0.0, high=0.2), VIEW).in_range is True
    assert ledger_row(expected("B", 0.01, low=0.0, high=0.02), VIEW).in_range is False
    assert ledger_row(expected("B", 0.1), VIEW).in_range is None
    assert waiting_row(expected("B", 0.1, low=0.0, high=0.2)).in_range is None


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"predicted": 5}, "a difference of scores lies between -1 and 1, got 5"),
        ({"predicted": 0.1, "low": 0.0}, "a range needs both of its ends"),
        ({"predicted": 0.1, "low": 0.2, "high": 0.3}, "the range 0.2 to 0.3 leaves out the prediction 0.1"),
    ],
)
def test_an_impossible_expectation_is_refused(more: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        Expectation(id="e", place="B", **more)


def test_peeking_is_safe_on_independent_records():
    (row,) = [row for row in VIEW.stages if row.stage == "B"]
    found = peek(row, watched=2)
    assert found.is_safe
    assert found.e_value == e_value(row.flips.fixed, row.flips.broken) > 1e6
    assert found.threshold == 40
    assert found.sentence == (
        f"Safe to look at any time: {row.flips.fixed} fixed, 0 broken, evidence {found.e_value:,.1f} of 40, "
        "the difference stands."
    )
    still = next(row for row in VIEW.stages if row.stage == "A")
    assert peek(still).sentence == (
        "Safe to look at any time: 0 fixed, 0 broken, evidence 1.0 of 20, not yet beyond doubt."
    )


def test_peeking_at_clusters_or_at_nothing_is_not_safe():
    (row,) = [row for row in comparison(per_cluster=3).stages if row.stage == "B"]
    assert not peek(row).is_safe
    assert math.isnan(peek(row).e_value)
    nothing = replace(row, claim=replace(row.claim, change=unmeasured("too few: 1 record")))
    assert peek(nothing).sentence == "There is nothing to look at."


def row(predicted: float, came: float, *, half: float = 0.02, low: float | None = None) -> LedgerRow:
    held = waiting_row(expected("B", predicted, low=low, high=None if low is None else predicted))
    found = Estimate(value=came, low=came - half, high=came + half, n=100, method="m")
    return replace(
        held,
        came=found,
        is_inside=found.low <= predicted <= found.high,
        error=came - predicted,
        in_range=None if low is None else low <= came <= predicted,
    )


def test_calibration_sums_up_what_was_measured():
    rows = [row(0.05, 0.04), row(0.05, 0.0), row(0.1, 0.05, low=0.04), row(0.1, -0.02, low=0.0), row(0.0, 0.01)]
    found = calibration([*rows, waiting_row(expected("B", 0.3))])
    assert found.n == 5
    assert found.bias.value == pytest.approx((-0.01 - 0.05 - 0.05 - 0.12 + 0.01) / 5)
    assert found.size.value == pytest.approx((0.01 + 0.05 + 0.05 + 0.12 + 0.01) / 5)
    assert (found.inside.value, found.inside.n) == (0.4, 5)
    assert (found.coverage.value, found.coverage.n) == (0.5, 2)
    assert (found.sign.value, found.sign.n) == (0.5, 4)
    assert found.sentence == (
        "40% of 5 predictions lay inside the interval of what came; "
        "mean error −4 (95% interval −11 to 2), no clear lean."
    )
    assert to_json(from_json(Calibration, to_json(found))) == to_json(found)


def test_a_team_that_hopes_for_too_much_is_told():
    assert calibration([row(0.1, 0.02 + i / 1000) for i in range(5)]).sentence.endswith("on average too hopeful.")
    assert calibration([row(0.0, 0.05 + i / 1000) for i in range(5)]).sentence.endswith("on average too cautious.")


def test_few_predictions_say_little():
    assert calibration([]).sentence == "No prediction has been held against a run yet."
    assert not calibration([]).sign.is_measured
    assert calibration([row(0.05, 0.04)]).sentence == "100% of 1 prediction lay inside the interval of what came."


def stage_row(n: int = 600) -> StageRow:
    records = planted.records(n)
    ids = [record.id for record in records]
    outputs = BASE.outputs(BASE.luck(n, np.random.default_rng(0)), ids)
    card = scorecard(
        BASE.cascade(), planted.run(), records, outputs, planted.labels(ids, BASE.names), seed=1, resamples=200
    )
    return card.stages[1]


def test_an_expectation_is_prefilled_with_its_part_of_the_swaps_gain():
    found = stage_row()
    room = 1 - found.alone.value
    whole = proposed_outcome(found, room)
    assert (whole.value, whole.low, whole.high) == pytest.approx((found.gain.value, found.gain.low, found.gain.high))
    half = proposed_outcome(found, room / 2)
    assert half.value == pytest.approx(found.gain.value / 2)
    assert half.method == "guess: 50% of the gain with references"
    assert proposed_outcome(found, -room).low <= proposed_outcome(found, -room).high
    with pytest.raises(ValueError, match="so it can't improve by"):
        proposed_outcome(found, room + 0.05)


def test_the_guess_needs_a_swap():
    found = stage_row()
    assert not proposed_outcome(replace(found, gain=unmeasured("not measured: x")), 0.1).is_measured
    unscored = replace(found, alone=unmeasured("not measured: x"))
    assert proposed_outcome(unscored, 0.0).value == 0.0
    perfect = Estimate(value=1.0, low=0.99, high=1.0, n=600, method="m")
    assert proposed_outcome(replace(found, alone=perfect), 0.0).value == 0.0


def test_the_row_survives_json():
    text = to_json(ledger_row(expected("B", 0.1, low=0.0, high=0.2), VIEW))
    assert to_json(from_json(LedgerRow, text)) == text
