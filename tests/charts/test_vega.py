"""Charts as Vega-Lite: valid by its schema, and with the figures of the drawing."""

from __future__ import annotations

from typing import Any

import altair
import pytest

from analysis.test_cheaper import trial, view_of
from charts import hostile
from charts.test_compared import CHANGED, RUNS, VIEW
from stagegap import charts, registry
from stagegap.charts.vega import AS_DATA
from ui import changes, views

PLOT = next(plot for kind, plot in hostile.plots() if kind.startswith("near at (0.1,"))
CARD = views.scorecard()
CHEAPER = view_of(trial("v2", broken=3, costs={"dollars": 0.5}), trial("v3", broken=40, stages=("reply",)))
VIEWS: dict[str, tuple[object, dict[str, str]]] = {
    "agreement": (CARD, {}),
    "best_so_far": (RUNS, {}),
    "both_gains": (CARD, {}),
    "ceiling": (CARD, {}),
    "changes": (VIEW, {}),
    "cheaper": (CHEAPER, {}),
    "contributions": (CHANGED, {}),
    "first_faults": (CARD, {}),
    "gap": (CARD, {}),
    "groups": (CARD.details[1], {}),
    "oddity_plot": (PLOT, {}),
    "scatter": (RUNS, {"knob": "stages.B.with.k", "measure": "outcome"}),
    "variants": (changes.variants_view(), {}),
}


def spec_of(name: str) -> dict[str, Any]:
    view, options = VIEWS[name]
    spec = charts.vega(name, view, **options)
    assert spec is not None
    return dict(spec)


@pytest.mark.parametrize("name", sorted(AS_DATA))
def test_specification_is_valid_by_the_schema_of_vega_lite(name: str) -> None:
    spec = spec_of(name)
    altair.LayerChart.from_dict(spec)  # raises what the schema forbids
    assert spec["data"]["values"]


def test_marks_have_the_figures_of_the_drawing() -> None:
    values = spec_of("gap")["data"]["values"]
    system = next(row for row in values if row["row"] == "2  retrieve" and row["mark"] == "system")
    assert (system["shape"], system["meaning"], system["low"]) == ("dot", "system", 0.63)
    assert "gap +29 points, 95% interval 25 to 34, 600 records." in system["sentence"]
    runs = spec_of("best_so_far")["data"]["values"]
    assert [(row["x"], row["value"], row["line"]) for row in runs] == [
        ("v1", 0.4, 0.4),
        ("v2", 0.3, 0.4),
        ("v3", 0.6, 0.6),
    ]


def test_list_has_no_specification_and_a_view_has_those_of_its_charts() -> None:
    assert charts.vega("ledger", None) is None
    assert len(registry.view("gap").vega(CARD)) == 2
    assert len(registry.view("compared_runs").vega(RUNS)) == 1
