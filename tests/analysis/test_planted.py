from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

import planted as made_up
from stagegap.analysis import evidence as ev
from stagegap.analysis.planted import given_answers, planted, planted_cells, planted_sets, wrong_answers
from stagegap.metrics import answer_as_output, score
from stagegap.model.answer import Answer
from stagegap.model.cascade import Cascade, Kind, OutputType
from stagegap.model.run import Cell
from views_of_runs import CHAIN, DIAMOND, material


def evidence(made: made_up.Planted, n: int = 40) -> ev.Evidence:
    return ev.gather(*material(made, n), custom={})


def values(answers: Mapping[str, Answer]) -> set[Any]:
    return {cast("Any", answer.value) for answer in answers.values()}


def test_wrong_answers_are_of_the_declared_type_and_wrong():
    found = evidence(CHAIN)
    wrong = wrong_answers(found, "B", rng=np.random.default_rng(0))
    assert len(wrong) == 40
    assert values(wrong) == {"wrong"}
    assert wrong == wrong_answers(found, "B", rng=np.random.default_rng(0)), "the same seed plants the same faults"


@pytest.mark.parametrize(("kind", "pool"), [(Kind.TEXT, {"right", "wrong"}), (Kind.BOOLEAN, {True, False})])
def test_open_types_take_what_was_answered_for_other_records(kind: Kind, pool: set[object]):
    found = evidence(CHAIN)
    stages = tuple(replace(stage, output=OutputType(kind=kind)) for stage in found.cascade.stages)
    changed = replace(found, cascade=replace(found.cascade, stages=stages))
    wrong = wrong_answers(changed, "B", rng=np.random.default_rng(0))
    assert wrong
    assert values(wrong) <= pool
    for record, answer in wrong.items():
        reference = changed.references[record, "B"]
        assert score(answer_as_output(answer, record=record, stage="B"), reference, changed.metrics["B"]) == 0


def test_records_without_a_reference_and_stages_without_answers_get_no_fault():
    cascade, rows, outputs, labels = material(CHAIN, 10)
    few = ev.gather(cascade, rows, outputs, [label for label in labels if label.record != "r00000"], custom={})
    assert "r00000" not in wrong_answers(few, "B", rng=np.random.default_rng(0))
    stages = tuple(replace(stage, output=OutputType(kind=Kind.TEXT)) for stage in cascade.stages)
    bare = ev.gather(replace(cascade, stages=stages), rows, {}, (), custom={})
    assert wrong_answers(bare, "A", rng=np.random.default_rng(0)) == {}


def test_cells_hold_references_before_the_fault_and_only_distinct_ones_run():
    chain: Cascade = CHAIN.cascade()
    assert planted_sets(chain, "C") == (("C",), ("C",), ("C",))
    assert planted_cells(chain, "B") == (Cell("version", ("B",)),)
    assert planted_cells(DIAMOND.cascade(), "C") == (
        Cell("version", ("C",)),
        Cell("version", ("A", "C")),
        Cell("version", ("B", "C")),
    )
    aside = made_up.Planted(shape="A B BC", skill=dict.fromkeys("ABC", 0.9)).cascade()
    assert planted_cells(aside, "A") == (), "the outcome can't see a fault there"


def test_outcomes_with_the_fault_rest_on_what_the_cell_gave():
    found = evidence(DIAMOND)
    clean, _ = ev.prefix_outcomes(found)
    wrong = wrong_answers(found, "C", rng=np.random.default_rng(0))
    outputs = {}
    for cell in planted_cells(found.cascade, "C"):
        given = given_answers(found, cell, "C", wrong)
        assert set(given) == set(cell.stages)
        outputs[str(cell), "D"] = {
            record: answer_as_output(answer, record=record, stage="D") for record, answer in wrong.items()
        }
    made = planted(found, "C", wrong, outputs, clean)
    assert [float(step.mean()) for step in made.spoilt[:3]] == [0, 0, 0]
    assert made.spoilt[3].tolist() == made.clean[3].tolist(), "a reference at C hides the fault"
    assert made.accepted_spoilt["C"].sum() == 0
    assert made.accepted_spoilt["B"].tolist() == made.accepted["B"].tolist()


def test_a_fault_that_the_outcome_does_not_see_changes_nothing():
    found = evidence(made_up.Planted(shape="A B BC", skill=dict.fromkeys("ABC", 0.8)))
    clean, _ = ev.prefix_outcomes(found)
    wrong = wrong_answers(found, "A", rng=np.random.default_rng(0))
    made = planted(found, "A", wrong, {}, clean)
    assert made.spoilt[0].tolist() == made.clean[0].tolist()


def test_a_stage_with_a_condition_also_goes_wrong_by_keeping_silent():
    found = evidence(CHAIN, 200)
    stages = tuple(replace(s, when="true") if s.name == "B" else s for s in found.cascade.stages)
    changed = replace(found, cascade=replace(found.cascade, stages=stages))
    wrong = wrong_answers(changed, "B", rng=np.random.default_rng(0))
    assert values(wrong) == {"wrong", None}
    assert len(wrong) == 200
    assert values(wrong_answers(changed, "C", rng=np.random.default_rng(0))) == {"wrong"}
