from __future__ import annotations

import numpy as np
import pytest

import planted
import views_of_runs
from stagegap.analysis.blame import Blame, blame
from stagegap.analysis.need import need_view
from stagegap.analysis.scorecard import scorecard
from stagegap.analysis.views import from_json, to_json
from stagegap.attribution.swaps import scorecard_cells
from stagegap.model.answer import Output, Status
from stagegap.tables.figures import percent
from views_of_runs import evidence


def outputs_of(made: planted.Planted, n: int, *, lattice: bool = True, seed: int = 0):
    found = made.outputs(made.luck(n, np.random.default_rng(seed)), [row.id for row in planted.records(n)])
    kept = {"system", *map(str, scorecard_cells(made.cascade()))}
    return {place: rows for place, rows in found.items() if lattice or place[0] in kept}


def made_blame(made: planted.Planted, n: int = 400, *, lattice: bool = True) -> Blame:
    rows = planted.records(n)
    labels = planted.labels([row.id for row in rows], made.names)
    return blame(evidence((made.cascade(), rows, outputs_of(made, n, lattice=lattice), labels)), resamples=300)


CHAIN = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.95, "B": 0.7, "C": 0.9})
DIAMOND = planted.Planted(shape=planted.DIAMOND, skill={"A": 0.95, "B": 0.7, "C": 0.7, "D": 0.95})


def test_on_a_chain_order_changes_nothing():
    for row in made_blame(CHAIN).stages:
        assert row.step == row.gain


def test_printed_gains_are_those_of_the_scorecard_and_of_the_labels_to_come():
    material = views_of_runs.material(CHAIN, 190)
    view, need = blame(evidence(material), resamples=300), need_view(evidence(material), resamples=300)
    card = scorecard(*material[:1], planted.run(), *material[1:], seed=0, resamples=300)
    assert [row.points for row in view.stages] == list(card.printed_gains)
    assert [row.points for row in need.stages] == list(card.printed_gains)
    alone = [percent(row.gain.value) for row in view.stages]
    assert alone != list(card.printed_gains), "rounded alone they would not add up here"


def test_methods_agree_where_nothing_recovers_or_breaks():
    view = made_blame(CHAIN)
    assert view.disagreements == ()
    for row in view.stages:
        assert row.hazard.value == pytest.approx(1 - CHAIN.skill[row.stage], abs=0.05)
    assert sum(row.answers_for.value for row in view.stages) == pytest.approx(1)
    assert sum(row.first_fault.value for row in view.stages) == pytest.approx(1)
    # A record that fails at A and at B goes wrong first at A, but only references at both make it good.
    assert view.stages[0].first_fault.value > view.stages[0].answers_for.value
    assert (view.beyond, view.unexplained, view.unknown) == (0, 0, 0)
    assert (view.stages[1].best_rank, view.stages[1].worst_rank) == (1, 1)


def test_the_gain_of_the_named_stage_stands_there_without_what_picking_adds():
    view = made_blame(CHAIN, 90)
    assert view.named == "B"
    assert view.named_gain.value < view.stages[1].gain.value
    assert view.named_gain.method.startswith("median-unbiased given that it was picked")
    open_ = made_blame(planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.85, "B": 0.85}), 60)
    assert (open_.named, open_.named_gain.method) == ("", "not measured: no stage stands out")
    few = made_blame(CHAIN, 20)
    assert (few.named, few.named_gain.method) == ("", "too few: no stage is named below 30 records")


def test_parallel_branches_share_what_they_win_together():
    b, c = made_blame(DIAMOND, 1500).stages[1:3]
    assert c.step.value > b.step.value + 0.05, "along one order, the later branch gets what both win together"
    assert c.gain.value == pytest.approx(b.gain.value, abs=0.05)
    view = made_blame(DIAMOND, 300)
    free = sum(row.gain.value for row in view.stages)
    assert free == pytest.approx(sum(row.step.value for row in view.stages))
    assert (view.staircase, view.is_chain) == (("A", "B", "C", "D"), False)


def test_without_the_cells_of_the_lattice_no_gain_is_measured():
    row = made_blame(DIAMOND, 60, lattice=False).stages[1]
    assert row.gain.method == "not measured: the run holds no outcome with references at A and C"


def test_a_stage_that_recovers_makes_first_fault_and_gain_disagree():
    made = planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.4, "B": 0.75}, recovery={"B": 0.7})
    view = made_blame(made, 400)
    assert view.disagreements == (
        "Bad records most often first go wrong at A, but correcting B gains most: a later stage recovers from A's "
        "faults, or fails on its own as well.",
    )


def test_references_that_break_records_make_parts_and_gain_disagree():
    made = planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.5, "B": 0.5}, recovery={"B": 0.5})
    rows = planted.records(90)
    ids = [row.id for row in rows]
    outputs = outputs_of(made, 90)

    def fixed(right: set[int]) -> dict[str, Output]:
        return {
            r: Output(record=r, stage="B", status=Status.OK, value="right" if i in right else "wrong")
            for i, r in enumerate(ids)
        }

    outputs["system", "B"] = fixed(set(range(45)))
    outputs["reference:A", "B"] = fixed(set(range(25, 75)))
    view = blame(evidence((made.cascade(), rows, outputs, planted.labels(ids, made.names))), resamples=100)
    assert [row.answers_for.value for row in view.stages] == [pytest.approx(30 / 45), pytest.approx(15 / 45)]
    assert any(note.startswith("References up to A first make most bad records good") for note in view.disagreements)


def test_the_order_of_the_staircase_decides_nothing():
    made = planted.Planted(shape=planted.DIAMOND, skill={"A": 1.0, "B": 0.55, "C": 0.62, "D": 1.0})
    view = made_blame(made, 600)
    b, c = view.stages[1:3]
    assert (b.gain.value > c.gain.value, b.step.value < c.step.value) == (True, True)
    assert view.disagreements == ()


@pytest.mark.parametrize("n", [0, 1])
def test_too_little_is_named(n: int):
    view = made_blame(CHAIN, n)
    assert not any(row.gain.is_measured or row.step.is_measured for row in view.stages)
    assert [(row.best_rank, row.worst_rank) for row in view.stages] == [(1, 3)] * 3
    assert view.disagreements == ()
    assert to_json(from_json(Blame, to_json(view))) == to_json(view)


def test_no_record_still_right_has_no_hazard():
    made = planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.0, "B": 0.5})
    assert made_blame(made, 40).stages[1].hazard.method == "not measured: no record is still right here"


def test_a_chain_is_exact_however_long():
    shape = "A " + " ".join(a + b for a, b in zip("ABCDEFGHIJ", "BCDEFGHIJK", strict=True))
    made = planted.Planted(shape=shape, skill=dict.fromkeys("ABCDEFGHIJK", 0.97))
    view = made_blame(made, 60, lattice=False)
    for row in view.stages:
        assert row.gain.is_measured
    assert view.sampled == ""


def test_more_branches_than_a_run_swaps_are_said():
    made = planted.Planted(shape="A AB AC AD AE AF BCDEFG", skill=dict.fromkeys("ABCDEFG", 0.9))
    view = made_blame(made, 60)
    assert view.stages[0].gain.method == (
        "not measured: parallel branches need 34 swap sets; a run with --orders 40 samples their orders"
    )


def test_a_stage_beside_the_way_gains_nothing_in_any_order():
    made = planted.Planted(shape="A B BC", skill={"A": 0.5, "B": 0.8, "C": 0.9})
    row = made_blame(made, 80).stages[0]
    assert (row.gain.value, row.gain.method) == (0.0, "exact: this stage can't change the outcome")
