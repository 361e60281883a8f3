"""Whatever a run looks like, each view of attribution is honest: too little is named, nothing lies, nothing crashes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings

import planted
from analysis.test_degenerate_input import estimates, runs
from sheets_of import rows_of
from stagegap.analysis.agree import AgreeView, agree_view
from stagegap.analysis.blame import Blame, blame
from stagegap.analysis.evidence import Evidence
from stagegap.analysis.faults import FaultsView, faults_view
from stagegap.analysis.need import NeedView, need_view
from stagegap.analysis.person_swaps import PersonSwaps
from stagegap.analysis.slices import SlicesView, slices_view
from stagegap.analysis.views import from_json, to_json
from stagegap.model.answer import Status
from stagegap.model.estimate import Estimate
from stagegap.tables.table import COLUMNS
from views_of_runs import CHAIN, DIAMOND, Material, evidence, material, with_people

View = Blame | FaultsView | AgreeView | NeedView | SlicesView | PersonSwaps
VIEWS: dict[str, tuple[type, Callable[..., View]]] = {
    "blame": (Blame, blame),
    "faults": (FaultsView, faults_view),
    "agree": (AgreeView, agree_view),
    "need": (NeedView, need_view),
    "slices": (SlicesView, slices_view),
}
WHY = ("too few", "not measured")


def honest(view: View) -> None:
    for one in estimates(view):
        if one.is_measured:
            assert one.low <= one.value <= one.high, one
            assert all(math.isfinite(x) for x in (one.low, one.value, one.high)), one
            assert one.n >= 1, one
            assert one.high > one.low or one.method.startswith("exact"), f"an interval of width 0 lies: {one}"
        else:
            assert one.method.startswith(WHY), one
    for row in rows_of(view):
        assert tuple(row) == COLUMNS
        assert (row["p"] is None) == (row["p_adj"] is None)


@pytest.mark.parametrize("name", list(VIEWS))
@settings(max_examples=60, deadline=None)
@given(run=runs())
def test_any_run_gives_an_honest_view(name: str, run: tuple):
    kind, make = VIEWS[name]
    view = make(evidence((run[0], tuple(run[1]), run[2], tuple(run[3]))), resamples=20)
    honest(view)
    assert to_json(from_json(kind, to_json(view))) == to_json(view)


def nothing() -> Material:
    return material(CHAIN, 0)


def one_record() -> Material:
    return material(CHAIN, 1)


def one_cluster() -> Material:
    return material(CHAIN, 60, per_cluster=60)


def one_labeller() -> Material:
    return material(CHAIN, 60)


def all_right() -> Material:
    return material(planted.Planted(shape=planted.CHAIN[3], skill=dict.fromkeys("ABC", 1.0)), 60)


def all_wrong() -> Material:
    return material(planted.Planted(shape=planted.CHAIN[3], skill=dict.fromkeys("ABC", 0.0)), 60)


def people_all_alike() -> Material:
    found = material(CHAIN, 60)
    for stage in "ABC":
        found = with_people(found, {"bob": 1.0, "cid": 1.0, "dora": 1.0}, stage=stage)
    return found


def people_never_agree() -> Material:
    return with_people(material(CHAIN, 60), {"bob": 0.0, "cid": 0.0}, stage="B")


def no_labels() -> Material:
    return (*material(CHAIN, 60)[:3], ())


def no_reference_at_the_end() -> Material:
    cascade, rows, outputs, labels = material(CHAIN, 60)
    return cascade, rows, outputs, tuple(label for label in labels if label.stage != "C")


def no_outputs() -> Material:
    cascade, rows, _, labels = material(CHAIN, 60)
    return cascade, rows, {}, labels


def no_swaps() -> Material:
    cascade, rows, outputs, labels = material(DIAMOND, 60)
    return cascade, rows, {place: found for place, found in outputs.items() if place[0] == "system"}, labels


def all_infrastructure() -> Material:
    cascade, rows, outputs, labels = material(CHAIN, 60)
    lost = {
        place: {r: replace(one, status=Status.INFRASTRUCTURE, value=None) for r, one in found.items()}
        for place, found in outputs.items()
    }
    return cascade, rows, lost, labels


CASES = [
    *(nothing, one_record, one_cluster, one_labeller, all_right, all_wrong, people_all_alike, people_never_agree),
    *(no_labels, no_reference_at_the_end, no_outputs, no_swaps, all_infrastructure),
]


@pytest.mark.parametrize("name", list(VIEWS))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_degenerate_run_is_named_and_never_a_number_that_lies(name: str, case: Callable[[], Material]):
    kind, make = VIEWS[name]
    view = make(evidence(case()), resamples=100)
    honest(view)
    assert to_json(from_json(kind, to_json(view))) == to_json(view)


def gains(found: Material) -> list[Estimate]:
    return [row.gain for row in blame(evidence(found), resamples=100).stages]


def test_what_each_degenerate_run_says_instead_of_a_gain():
    def why(found: Material) -> str:
        return gains(found)[1].method

    assert why(nothing()) == "not measured: the run holds no outcome"
    assert why(one_record()) == "too few: 1 record"
    assert why(one_cluster()) == "too few: all 60 records belong to one cluster"
    assert why(no_labels()) == "not measured: no record has references at every stage"
    assert why(no_outputs()) == "not measured: the run holds no outcome"
    assert why(no_swaps()).startswith("not measured: the run holds no outcome with references at ")
    assert why(all_infrastructure()) == ("not measured: a service failed at 60 records, and no other has every outcome")
    assert all(gain.value == 0 and gain.high > 0 for gain in gains(all_right())), "60 right records are no proof"
    assert gains(all_wrong())[2].value == 1


def test_scores_that_are_no_number_are_no_score():
    def nan(value: object, accepted: object) -> float:
        return math.nan

    def gathered(found: Material) -> Evidence:
        made = evidence(found)
        return replace(made, metrics={name: replace(one, compare=nan) for name, one in made.metrics.items()})

    for _, make in VIEWS.values():
        view = make(gathered(material(CHAIN, 40)), resamples=50)
        honest(view)
    assert not any(row.hazard.is_measured for row in faults_view(gathered(material(CHAIN, 40)), resamples=50).stages)
