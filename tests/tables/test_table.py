from __future__ import annotations

import math

import pytest

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.tables.figures import Unit
from stagegap.tables.table import COLUMNS, Column, Figure, Sheet, Table, sheet_markdown

GAIN = Estimate(value=0.203, low=-0.012, high=0.31, n=60, method="Tango score", clusters=12)
STAGES = Table(
    columns=(
        Column(name="Stage", unit=Unit.TEXT, key="stage"),
        Column(name="Group", unit=Unit.TEXT, key="group"),
        Column(name="Reached", unit=Unit.COUNT, spare=1),
        Column(name="Gain", unit=Unit.POINTS, key="gain in {group}"),
        Column(name="Alone", unit=Unit.SHARE, key="alone", is_hidden=True),
    ),
    rows=(
        ("route", "de|at", 1200, Figure(estimate=GAIN, rounded=21, p=0.03, p_adj=0.06, verdict="tied"), GAIN),
        ("draft", "en", None, unmeasured("too few: 2 of 30", n=2), unmeasured("not measured: no label")),
    ),
    most=1,
)


def test_markdown_has_the_cells_of_the_screen_and_no_marks_from_outside():
    text = sheet_markdown(Sheet(headline="Route *leads*", parts=("One sentence.", STAGES, "", "An end.")))
    assert text == (
        "## Route \\*leads\\*\n\nOne sentence.\n\n"
        "| Stage | Group | Reached | Gain |\n| --- | --- | ---: | ---: |\n"
        "| route | de\\|at | 1,200 | +21 (−1 to 31) |\n\nAn end.\n"
    )


def test_frames_have_every_figure_of_every_row_under_the_same_columns():
    rows = Sheet(parts=(STAGES,)).rows()
    assert {tuple(row) for row in rows} == {COLUMNS}
    assert [(row["stage"], row["figure"], row["unit"]) for row in rows] == [
        ("route", "gain in de|at", "points"),
        ("route", "alone", "share"),
        ("draft", "gain in en", "points"),
        ("draft", "alone", "share"),
    ]
    first, _, missing, _ = rows
    assert (first["estimate"], first["n"], first["clusters"], first["p_adj"]) == (0.203, 60, 12, 0.06)
    assert (first["verdict"], missing["verdict"], missing["p"]) == ("tied", None, None)
    assert math.isnan(float(missing["estimate"] or 0))
    assert missing["method"] == "too few: 2 of 30"


def test_what_a_row_carries_stands_beside_each_of_its_figures():
    runs = Table(
        columns=(
            Column(name="Run", unit=Unit.TEXT, key="run", is_carried=True),
            Column(name="Cost", unit=Unit.MONEY, key="cost", is_carried=True),
            Column(name="Outcome", unit=Unit.SHARE, key="outcome"),
        ),
        rows=(("v1", 0.25, GAIN),),
    )
    (row,) = Sheet(parts=(runs,)).rows()
    assert (row["run"], row["cost"], row["figure"], row["stage"]) == ("v1", 0.25, "outcome", "")
    assert runs.texts(runs.rows[0]) == ("v1", "$0.25", "20% (−1 to 31)")


def test_a_row_that_does_not_fit_its_columns_is_a_mistake():
    with pytest.raises(ValueError, match="a row has 1 cells for 5 columns"):
        Table(columns=STAGES.columns, rows=(("route",),))


def test_an_estimate_can_not_be_carried():
    broken = Table(columns=(Column(name="Gain", unit=Unit.POINTS, key="gain", is_carried=True),), rows=((GAIN,),))
    with pytest.raises(ValueError, match="a carried column holds no estimates"):
        Sheet(parts=(broken,)).rows()
