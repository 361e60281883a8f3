from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

import planted
from stagegap.analysis.aim import aim_view
from stagegap.analysis.blame import blame
from stagegap.analysis.compare import compare
from stagegap.analysis.evidence import Evidence, gather
from stagegap.analysis.faults import faults_view
from stagegap.analysis.gains import outcome_bounds
from stagegap.analysis.need import need_view
from stagegap.analysis.paired_records import Side
from stagegap.analysis.scorecard import scorecard
from stagegap.analysis.slices import slices_view
from stagegap.analysis.views import OutcomeBounds, Scorecard, from_json, to_json
from stagegap.model.answer import Output
from stagegap.model.cascade import Cascade
from stagegap.model.run import Cell

TRUTH = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.8, "B": 0.7, "C": 0.9}, recovery={"B": 0.2, "C": 0.1})
N = 400
ROWS = planted.records(N)
IDS = [row.id for row in ROWS]
LABELS = planted.labels(IDS, TRUTH.names)


def keyed(cascade: Cascade, outputs: Mapping[tuple[str, str], Mapping[str, Output]]):
    """The key of each output's call: what its parents said in that cell."""
    found: dict[tuple[str, str], dict[str, Output]] = {}
    for (name, stage), records in outputs.items():
        cell = Cell.parse(name)
        found[name, stage] = {}
        for record, output in records.items():
            said = [
                planted.RIGHT if p in cell.stages else outputs.get((name, p), outputs["system", p])[record].value
                for p in cascade.stage(stage).parents
            ]
            found[name, stage][record] = replace(output, key=f"{record} {stage} {said}")
    return found


def recorded(*, is_recorded: bool = True, seed: int = 5) -> tuple[Cascade, dict[tuple[str, str], dict[str, Output]]]:
    live = TRUTH.cascade()
    outputs = keyed(live, TRUTH.outputs(TRUTH.luck(N, np.random.default_rng(seed)), IDS))
    return replace(live, stages=tuple(replace(stage, is_recorded=is_recorded) for stage in live.stages)), outputs


def evidence(*, is_recorded: bool = True, seed: int = 5) -> Evidence:
    cascade, outputs = recorded(is_recorded=is_recorded, seed=seed)
    return gather(cascade, ROWS, outputs, LABELS, custom={})


def bounds(*, seed: int = 5) -> OutcomeBounds:
    found = outcome_bounds(evidence(seed=seed), seed=1, resamples=500)
    assert found is not None
    return found


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_the_bounds_hold_what_a_live_run_of_the_same_cascade_gives(seed: int):
    cascade, outputs = recorded(is_recorded=False, seed=seed)
    live = scorecard(cascade, planted.run(), ROWS, outputs, LABELS, seed=1, resamples=200)
    for step, row in zip(bounds(seed=seed).steps, live.stages, strict=True):
        assert step.gain.worst.value <= row.gain.value <= step.gain.best.value
        assert step.gain.worst.low <= step.gain.worst.value
        assert step.gain.best.value <= step.gain.best.high


def test_unknown_is_what_reads_a_changed_input():
    found = bounds()
    outputs = evidence().outputs["system", "A"]
    changed = sum(output.value != planted.RIGHT for output in outputs.values())
    assert found.steps[0].outcome.unknown == changed
    assert found.steps[2].outcome.unknown == 0
    assert found.steps[2].outcome.worst.value == found.steps[2].outcome.best.value == 1.0
    width = found.steps[0].outcome.best.value - found.steps[0].outcome.worst.value
    assert width == pytest.approx(changed / N)
    assert found.n == N


def test_where_everything_can_be_run_there_are_no_bounds():
    assert outcome_bounds(evidence(is_recorded=False), seed=1) is None


def test_the_sentence_says_what_was_assumed():
    first = bounds().sentence
    assert first.startswith(
        "Recorded outputs can't be run again, so what references would gain is only known within bounds: all unknown "
        "outcomes wrong, or all right. References would gain at A "
    )
    assert first.endswith(f" of {N} records).")


def test_a_stage_that_cannot_change_the_outcome_gains_exactly_nothing():
    shape = replace(TRUTH, shape="A B BC")
    live = shape.cascade()
    cascade = replace(live, stages=tuple(replace(stage, is_recorded=True) for stage in live.stages))
    outputs = keyed(live, shape.outputs(shape.luck(N, np.random.default_rng(2)), IDS))
    found = outcome_bounds(gather(cascade, ROWS, outputs, LABELS, custom={}), seed=1, resamples=200)
    assert found is not None
    assert found.steps[0].gain.worst.method == "exact: this stage can't change the outcome"
    assert (found.steps[0].gain.best.value, found.steps[0].gain.unknown) == (0.0, 0)


def test_too_few_records_have_bounds_without_a_number():
    cascade, outputs = recorded()
    one = next(i for i in range(N) if outputs["system", "A"][IDS[i]].value != planted.RIGHT)
    short = {place: {IDS[one]: found[IDS[one]]} for place, found in outputs.items()}
    found = outcome_bounds(gather(cascade, ROWS[one : one + 1], short, LABELS, custom={}), seed=1, resamples=50)
    assert found is not None
    assert found.steps[0].outcome.worst.method == "too few: 1 record"
    assert found.sentence.endswith("all unknown outcomes wrong, or all right.")


def test_the_scorecard_has_the_bounds_in_place_of_a_ceiling():
    cascade, outputs = recorded()
    view = scorecard(cascade, planted.run(), ROWS, outputs, LABELS, seed=1, resamples=500)
    assert view.bounds is not None
    assert view.system.n == N
    assert (view.verdict.kind, view.verdict.headline) == ("not measured", "What each stage costs is not measured yet")
    assert view.verdict.summary == f"Not measured: r{view.bounds.sentence[1:]}"
    assert view.verdict.advice == "Only a run of the stages themselves would tell more."
    assert not view.stages[0].gain.is_measured
    assert view.stages[1].alone.method == (
        f"not measured: {view.bounds.steps[0].outcome.unknown} records have no recorded output on references"
    )
    assert to_json(from_json(Scorecard, to_json(view))) == to_json(view)


@pytest.mark.parametrize("view", [blame, faults_view, need_view, slices_view], ids=lambda view: view.__name__)
def test_no_view_takes_gains_from_the_records_where_all_is_known(view: Callable[..., Any]):
    """Those are the records that a swap hardly changes: `blame` named a stage and `need` called it decided."""
    halves = tuple(replace(row, slices={"half": str(int(row.id[1:]) % 2)}) for row in ROWS)
    made = view(replace(evidence(), records=halves), resamples=100)
    assert "only known within bounds" in " ".join(plain_text(made))
    assert not getattr(made, "named", "")
    assert not getattr(made, "is_decided", False)
    assert {row.verdict for row in getattr(made, "bottlenecks", ())} <= {"not measured"}


def test_no_stage_is_aimed_at_by_what_happens_to_be_recorded():
    view = aim_view(evidence(), (), {}, outcome_name="outcome")
    assert {"only known within bounds" in row.gain.method for row in view.rows} == {True}


def plain_text(view: Any) -> Iterator[str]:
    """Every text in a view."""
    if is_dataclass(view):
        view = [getattr(view, field.name) for field in fields(view)]
    if isinstance(view, str):
        yield view
    elif isinstance(view, Sequence):
        for part in view:
            yield from plain_text(part)


def test_a_change_on_references_is_not_taken_from_the_outputs_that_happen_to_be_recorded():
    sides = [Side(run=replace(planted.run(), name=f"v{seed}"), evidence=evidence(seed=seed)) for seed in (5, 6)]
    rows = {row.stage: row for row in compare(*sides, seed=0, resamples=100).stages}
    assert rows["A"].alone.is_measured
    assert rows["B"].alone.method.endswith("records have no recorded output on references")


def test_first_faults_are_the_same_count_in_show_and_in_faults_where_references_lack():
    live, outputs = recorded(is_recorded=False)
    lacking = {name for name in IDS if not int(name[1:]) % 7}
    labels = [label for label in LABELS if label.stage != "B" or label.record not in lacking]
    for (cell, stage), rows in outputs.items():
        outputs[cell, stage] = {
            name: row for name, row in rows.items() if "B" not in Cell.parse(cell).stages or name not in lacking
        }
    view = scorecard(live, planted.run(), ROWS, outputs, labels, seed=1, resamples=100)
    known = gather(live, ROWS, outputs, labels, custom={})
    found, methods = faults_view(known, resamples=100), blame(known, resamples=100)
    assert view.n_scored == methods.n < N
    assert [row.first_faults for row in view.stages] == [row.first_faults for row in found.stages]
    firsts = sum(round(row.first_fault.value * row.first_fault.n) for row in methods.stages)
    assert firsts + methods.unexplained + methods.unknown == methods.bad, "of the records that it counts as bad"
