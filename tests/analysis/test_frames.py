from __future__ import annotations

import math

import pytest

import planted
from sheets_of import rows_of
from stagegap.analysis.agree import agree_view
from stagegap.analysis.blame import blame
from stagegap.analysis.faults import faults_view
from stagegap.analysis.need import need_view
from stagegap.analysis.slices import slices_view
from stagegap.exchange.tables import frame_of
from stagegap.tables.table import COLUMNS
from views_of_runs import CHAIN, evidence, material

VIEWS = {"blame": blame, "faults": faults_view, "agree": agree_view, "need": need_view, "slices": slices_view}
FIGURES = {"blame": 16, "faults": 6, "agree": 16, "need": 3, "slices": 0}


@pytest.mark.parametrize("name", list(VIEWS))
def test_every_view_has_the_same_columns(name: str):
    view = VIEWS[name](evidence(material(CHAIN, 80)), resamples=100)
    rows = rows_of(view)
    assert len(rows) == FIGURES[name]
    assert all(tuple(row) == COLUMNS for row in rows)
    assert len(frame_of(rows)) == len(rows)


def test_a_gain_has_its_test_and_its_direction():
    rows = rows_of(blame(evidence(material(CHAIN, 300)), resamples=100))
    found = next(row for row in rows if (row["stage"], row["figure"]) == ("B", "gain"))
    assert found["verdict"] == "improved"
    assert 0 < found["p"] <= found["p_adj"] < 0.001
    nothing = rows_of(blame(evidence(material(CHAIN, 1)), resamples=100))[0]
    assert math.isnan(nothing["estimate"])
    assert (nothing["p"], nothing["verdict"]) == (None, None)


def test_slices_have_adjusted_p_values():
    from analysis.test_slices import sliced, view

    rows = rows_of(view(sliced(200)))
    rates = [row for row in rows if str(row["figure"]).startswith("failure rate of")]
    assert rates
    assert all(row["p"] <= row["p_adj"] for row in rates)
    assert {row["verdict"] for row in rates} <= {"stands out", "tied"}
    assert any(str(row["figure"]).startswith("largest gain in") for row in rows)


def test_a_scorecard_and_a_self_check_have_the_same_columns():
    from stagegap.analysis.planted import Selfcheck
    from stagegap.analysis.scorecard import scorecard
    from stagegap.attribution.selfcheck import Recovery
    from stagegap.stats.intervals import wilson

    cascade, records, outputs, labels = material(CHAIN, 300)
    card = scorecard(cascade, planted.run(), records, outputs, labels, seed=0, resamples=200)
    rows = rows_of(card)
    gains = [row for row in rows if row["figure"] == "gain"]
    assert all(row["p"] <= row["p_adj"] <= 1 for row in gains)
    assert (rows[-1]["stage"], rows[-1]["figure"]) == ("B", "named_gain")
    picked = card.verdict.picked
    assert picked is not None
    assert rows[-1]["estimate"] == picked.value
    found = wilson(0.9, n=50)
    recovery = Recovery(
        stage="A", method="gain", planted=0.2, damage=0.1, booked=found, bias=0.0, coverage=found, finds_worst=found
    )
    check = Selfcheck(cascade="c", run="v1", noun="record", n=50, calls=9, rows=(recovery,), left_out=())
    named = [row["figure"] for row in rows_of(check)]
    assert named == ["gain: booked", "gain: coverage", "gain: finds_worst"]
    for view in (card, check):
        assert tuple(frame_of(rows_of(view)).columns) == COLUMNS
