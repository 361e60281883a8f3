from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

import planted
from stagegap.analysis.architecture import Architecture, architecture
from stagegap.model.answer import Label, Status
from views_of_runs import CHAIN, Material, evidence, material

WHOLE = {"whole 1": 0.95, "whole 2": 0.95, "whole 3": 0.95}
STAGED = {"staged 1": 0.8, "staged 2": 0.8, "staged 3": 0.8}


def two_ways(
    n: int,
    whole: Mapping[str, float] = WHOLE,
    staged: Mapping[str, float] = STAGED,
    *,
    seed: int = 0,
    adjudicated: bool = True,
) -> Material:
    """People of both kinds answer every record at the end; each is right with their own chance."""
    cascade, rows, outputs, _ = material(CHAIN, n, seed=seed)
    rng = np.random.default_rng(seed)
    labels: list[Label] = []
    for name, care in {**whole, **staged}.items():
        for row, is_right in zip(rows, (rng.random(n) < care).tolist(), strict=True):
            labels += planted.labels([row.id], ["C"], annotator=name, value="right" if is_right else "wrong")
        if name in staged:
            labels += planted.labels([row.id for row in rows], ["A", "B"], annotator=name)
    if adjudicated:
        labels += [
            replace(label, id=f"judge/{label.record}", action="adjudicate")
            for label in planted.labels([row.id for row in rows], ["C"], annotator="judge")
        ]
    named = replace(cascade, human_baseline={"end_to_end": list(whole)})
    return named, rows, outputs, tuple(labels)


def found(given: Material) -> Architecture:
    return architecture(evidence(given), resamples=300)


def test_the_gap_of_the_whole_is_what_the_stages_are_not_told_plus_what_better_stages_would_win():
    whole = found(two_ways(300))
    assert whole.end_to_end.value == pytest.approx(0.95, abs=0.025)
    assert whole.stage_by_stage.value == pytest.approx(0.8, abs=0.04)
    assert whole.loss.value == pytest.approx(whole.end_to_end.value - whole.stage_by_stage.value)
    assert 0 < whole.loss.low < 0.15 < whole.loss.high
    assert whole.staged_gap.value == pytest.approx(0.8 - CHAIN.expected(()), abs=0.05)
    assert "labellers by jackknife, only 6 of them" in whole.loss.method


def test_the_planted_loss_is_covered():
    held = [found(two_ways(50, seed=seed)).loss for seed in range(24)]
    assert sum(one.low <= 0.15 <= one.high for one in held) >= 21, "95%, less two standard errors"
    assert abs(sum(one.value for one in held) / len(held) - 0.15) < 0.02


def test_without_an_adjudication_both_are_held_to_what_the_others_say():
    whole = found(two_ways(200, adjudicated=False))
    assert whole.loss.low > 0
    assert whole.loss.value < 0.17, "targets with errors of their own make the difference smaller, never larger"


def test_an_equal_way_of_working_costs_nothing():
    equal = found(two_ways(300, WHOLE, dict.fromkeys(STAGED, 0.95)))
    assert equal.loss.low < 0 < equal.loss.high


def test_one_person_of_a_kind_leaves_the_interval_to_the_records():
    assert "over records only" in found(two_ways(60, {"whole 1": 0.9}, STAGED)).loss.method


def test_nobody_is_named_so_nothing_is_guessed():
    given = two_ways(40)
    bare = (replace(given[0], human_baseline={}), *given[1:])
    assert found(bare).loss.method == (
        "not measured: human_baseline does not say who answered from the whole record (end_to_end), apart from "
        "labellers who answered stage by stage"
    )


def test_one_name_is_a_list_of_one():
    given = two_ways(40, {"ann": 0.9}, STAGED)
    assert found((replace(given[0], human_baseline={"end_to_end": "ann"}), *given[1:])).loss.is_measured


def test_answers_on_a_runs_outputs_are_no_people_stage_by_stage():
    cascade, rows, outputs, labels = two_ways(40)
    on_outputs = tuple(replace(one, run="f" * 32) if one.stage == "B" else one for one in labels)
    method = found((cascade, rows, outputs, on_outputs)).loss.method
    assert method.startswith(
        "not measured: no record was answered at C by a labeller from the whole record, by one who"
    )


def test_two_people_alone_have_nobody_to_be_held_to():
    few = found(two_ways(40, {"whole 1": 0.9}, {"staged 1": 0.8}, adjudicated=False))
    assert not few.loss.is_measured


def test_a_system_that_a_service_failed_leaves_the_loss_and_no_gap_of_the_stages():
    cascade, rows, outputs, labels = two_ways(60)
    lost = {
        place: {
            record: replace(one, status=Status.INFRASTRUCTURE, value=None) if place[1] == "C" else one
            for record, one in here.items()
        }
        for place, here in outputs.items()
    }
    whole = found((cascade, rows, lost, labels))
    assert whole.loss.is_measured
    assert not whole.staged_gap.is_measured
    assert not found((cascade, (), {}, labels)).loss.is_measured
