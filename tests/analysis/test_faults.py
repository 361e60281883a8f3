from __future__ import annotations

import pytest

import planted
from stagegap.analysis.faults import FaultsView, faults_view
from stagegap.analysis.views import from_json, to_json
from views_of_runs import CHAIN, DIAMOND, Material, evidence, material


def view(found: Material) -> FaultsView:
    return faults_view(evidence(found), resamples=200)


def test_hazards_are_the_planted_error_rates_and_counts_add_up():
    found = view(material(CHAIN, 1500))
    for row in found.stages:
        assert row.hazard.value == pytest.approx(1 - CHAIN.skill[row.stage], abs=0.03)
        assert row.hazard.low < row.hazard.value < row.hazard.high
        assert row.introduced + row.inherited == round(row.fault_rate.value * row.scored)
        assert (row.masked, row.recovered, row.joint) == (0, 0, 0)
    assert sum(row.first_faults for row in found.stages) == found.bad
    assert sum(row.root_causes for row in found.stages) == found.bad
    assert sum(row.answers_for or 0 for row in found.stages) == found.bad
    assert (found.unexplained, found.unknown, found.beyond, found.no_ceiling) == (0, 0, 0, "")
    assert [(edge.last, edge.stage) for edge in found.edges] == [("", "A"), ("A", "B"), ("B", "C")]
    assert found.edges[0].attempts == 1500


def test_a_record_has_three_causes_that_may_differ():
    made = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.5, "B": 0.6, "C": 0.6}, recovery={"B": 0.5})
    found = view(material(made, 400))
    assert any(one.first_fault != one.root_cause for one in found.records), "B recovered, then C failed"
    assert any(one.first_fault != one.counterfactual for one in found.records), "a later stage fails as well"
    assert sum(row.masked for row in found.stages) > 0
    assert len(found.records) == 200
    assert from_json(FaultsView, to_json(found)) == found


def test_faults_of_two_parallel_branches_are_joint():
    found = view(material(DIAMOND, 800))
    joint = {row.stage: row.joint for row in found.stages}
    assert joint["A"] == joint["B"] == 0
    both = sum(one.is_joint for one in found.records)
    assert joint["C"] is not None
    assert joint["C"] > 0
    assert both > 0


def test_without_references_at_a_stage_the_causes_by_swap_are_missing_and_say_which_stage_to_label():
    cascade, rows, outputs, labels = material(CHAIN, 60)
    found = view((cascade, rows, outputs, tuple(label for label in labels if label.stage != "B")))
    assert found.no_ceiling == "not measured: no record has a reference at B"
    assert {row.answers_for for row in found.stages} == {None}
    assert found.stages[0].first_faults > 0, "what needs no swap is there"
    assert found.beyond is None


def test_a_missing_reference_makes_the_first_fault_unknown():
    cascade, rows, outputs, labels = material(CHAIN, 60)
    few = tuple(label for label in labels if (label.stage, label.record) != ("A", "r00000"))
    outputs = {place: dict(found) for place, found in outputs.items()}
    bad = next(iter(outputs["system", "C"].values()))
    for stage in "BC":
        outputs["system", stage]["r00000"] = planted_wrong(bad, stage)
    found = view((cascade, rows, outputs, few))
    assert next(one for one in found.records if one.record == "r00000").first_fault == "not known"
    assert found.unknown == 1


def planted_wrong(like: object, stage: str):
    from dataclasses import replace

    return replace(like, record="r00000", stage=stage, value="wrong")  # type: ignore[type-var]


@pytest.mark.parametrize("n", [0, 1])
def test_too_little_is_named(n: int):
    found = view(material(CHAIN, n))
    assert not any(row.hazard.is_measured for row in found.stages)
