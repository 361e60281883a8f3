"""Untrained people, experts and a team side by side, and figures that others published: the gap to each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stagegap.analysis import evidence as ev
from stagegap.analysis.agree import AgreeView, agree_sheet, agree_view
from stagegap.analysis.human_level import KindRow, kind_rows
from stagegap.analysis.views import from_json, to_json
from stagegap.model.record import Json
from views_of_runs import CHAIN, Material, evidence, material, with_people

PEOPLE = {"crowd 1": 0.75, "crowd 2": 0.75, "crowd 3": 0.75, "expert 1": 0.97, "expert 2": 0.97, "expert 3": 0.97}
NAMED: dict[str, Json] = {
    "untrained": ["crowd 1", "crowd 2", "crowd 3"],
    "expert": ["expert 1", "expert 2", "expert 3"],
    "team": "team",
    "published": {"stage": "B", "score": 0.9, "n": 400, "source": "a paper"},
}


def given(n: int = 400, *, kinds: Json = NAMED) -> Material:
    cascade, rows, outputs, labels = with_people(material(CHAIN, n), {**PEOPLE, "team": 0.99}, stage="B")
    return replace(cascade, human_baseline={"kinds": kinds}), rows, outputs, labels


@pytest.fixture(scope="module")
def rows() -> dict[str, KindRow]:
    return {row.kind: row for row in kind_rows(evidence(given()), resamples=300) if row.stage == "B"}


def test_each_kind_is_held_to_what_all_others_settle(rows: dict[str, KindRow]):
    assert {kind: row.people for kind, row in rows.items()} == {"untrained": 3, "expert": 3, "team": 1, "published": 0}
    for kind, care in (("untrained", 0.75), ("expert", 0.97)):
        assert rows[kind].person.low <= care <= rows[kind].person.high
        assert rows[kind].person.n == 400
        assert rows[kind].gap.value == pytest.approx(rows[kind].person.value - rows[kind].system.value)
        assert "labellers by jackknife, only 3 of them" in rows[kind].gap.method
    assert rows["expert"].gap.low > rows["untrained"].gap.high
    assert "over records only" in rows["team"].gap.method


def test_a_published_figure_has_the_gap_of_two_independent_samples(rows: dict[str, KindRow]):
    row = rows["published"]
    system = float(np.nanmean(ev.stage_scores(evidence(given()), "B", ev.SYSTEM)))
    assert (row.person.value, row.person.n, row.source) == (0.9, 400, "a paper")
    assert row.gap.value == pytest.approx(0.9 - system)
    width = row.gap.high - row.gap.low
    assert width > max(row.person.high - row.person.low, row.system.high - row.system.low)
    assert row.gap.method.startswith("difference of independent samples of 400 and 400 (MOVER)")


def test_a_kind_that_nobody_can_be_held_against_says_so():
    cascade, rows, outputs, labels = material(CHAIN, 30)
    who = labels[0].annotator
    alone = (replace(cascade, human_baseline={"kinds": {"lonely": who, "absent": "nobody"}}), rows, outputs, labels)
    found = kind_rows(evidence(alone), resamples=50)
    assert {(row.kind, row.stage) for row in found} == {("lonely", name) for name in "ABC"}
    assert found[1].gap.method == "not measured: no record that they answered at B has an answer of somebody else"


def test_agree_shows_them_and_keeps_them():
    view = agree_view(evidence(given(60)), resamples=100)
    assert from_json(AgreeView, to_json(view)) == view
    table = next(table for table in agree_sheet(view).tables if table.title == "Kinds of labellers")
    assert [row[:3] for row in table.rows if row[1] == "B"] == [
        ("untrained", "B", 3),
        ("expert", "B", 3),
        ("team", "B", 1),
        ("published", "B", None),
    ]
    assert agree_view(evidence(given(20, kinds=None)), resamples=50).kinds == ()
