from __future__ import annotations

import math

import pytest

from stagegap.analysis import frames
from stagegap.analysis.agree import agree_view
from stagegap.analysis.blame import blame
from stagegap.analysis.faults import faults_view
from stagegap.analysis.need import need_view
from stagegap.analysis.slices import slices_view
from stagegap.workspace.attributing import to_frame
from views_of_runs import CHAIN, evidence, material

VIEWS = {"blame": blame, "faults": faults_view, "agree": agree_view, "need": need_view, "slices": slices_view}
FIGURES = {"blame": 16, "faults": 6, "agree": 16, "need": 3, "slices": 0}


@pytest.mark.parametrize("name", list(VIEWS))
def test_every_view_has_the_same_columns(name: str):
    view = VIEWS[name](evidence(material(CHAIN, 80)), resamples=100)
    rows = frames.figures(view)
    assert len(rows) == FIGURES[name]
    assert all(tuple(row) == frames.COLUMNS for row in rows)
    frame = to_frame(view)
    assert tuple(frame.columns) == frames.COLUMNS
    assert len(frame) == len(rows)


def test_a_gain_has_its_test_and_its_direction():
    rows = frames.figures(blame(evidence(material(CHAIN, 300)), resamples=100))
    found = next(row for row in rows if (row["stage"], row["figure"]) == ("B", "gain"))
    assert found["verdict"] == "improved"
    assert 0 < found["p"] <= found["p_adj"] < 0.001
    nothing = frames.figures(blame(evidence(material(CHAIN, 1)), resamples=100))[0]
    assert math.isnan(nothing["estimate"])
    assert (nothing["p"], nothing["verdict"]) == (None, None)


def test_slices_have_adjusted_p_values():
    from analysis.test_slices import sliced, view

    rows = frames.figures(view(sliced(200)))
    rates = [row for row in rows if str(row["figure"]).startswith("failure rate of")]
    assert rates
    assert all(row["p"] <= row["p_adj"] for row in rates)
    assert {row["verdict"] for row in rates} <= {"stands out", "tied"}
    assert any(str(row["figure"]).startswith("largest gain in") for row in rows)
