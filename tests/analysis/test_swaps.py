from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import planted
from stagegap.analysis.coalitions import SwapCall, SwapPlan, contribution_matrix, mixture, swap_plan
from stagegap.attribution.shapley import shapley_matrix
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source
from stagegap.model.run import SYSTEM, Cell


def cascade(shape: str) -> Cascade:
    names = [word[-1] for word in shape.split()]
    return planted.Planted(shape=shape, skill=dict.fromkeys(names, 0.9)).cascade()


def plan(shape: str, changed: str, **more: Any) -> SwapPlan:
    made = cascade(shape)
    old = dict.fromkeys(made.names, "old")
    return swap_plan(made, made, old, old | dict.fromkeys(changed, "new"), **more)


def contributions(found: SwapPlan) -> np.ndarray:
    return contribution_matrix(len(found.players), [mask for mask, _ in found.coalitions], found.orders)


def cells(found: SwapPlan) -> list[str]:
    return [str(cell) for cell in found.cells]


def test_one_changed_stage_needs_no_call_at_all():
    found = plan(planted.CHAIN[3], "B")
    assert (found.players, found.unchanged, found.cells, found.calls) == (("B",), ("A", "C"), (), ())
    assert (found.start, found.end) == (SYSTEM, Cell("version", ("B",)))


def test_two_changed_stages_need_the_two_mixtures():
    found = plan(planted.CHAIN[3], "BC")
    assert cells(found) == ["version:B", "version:C"]
    assert found.calls == (SwapCall(stage="C", new=("B",), old=("C",)), SwapCall(stage="C", new=("C",), old=("B",)))


def test_only_what_neither_run_holds_is_called_and_each_call_once():
    found = plan(planted.CHAIN[3], "ABC")
    assert len(found.cells) == 6
    by_stage = [call.stage for call in found.calls]
    # B works on either A, in the mixtures of the two: 2. C stands behind 2^3 mixtures less the two runs: 6.
    assert (by_stage.count("A"), by_stage.count("B"), by_stage.count("C")) == (0, 2, 6)


def test_a_new_version_does_not_hide_what_changed_before_it():
    # For references C would hide B (see attribution.swaps); a new version of C still reads what B gives.
    assert Cell("version", ("B", "C")) == plan(planted.CHAIN[3], "BC").end
    assert "version:A+C" in cells(plan(planted.CHAIN[3], "ABC"))


def test_parallel_branches_are_called_where_they_meet():
    found = plan(planted.DIAMOND, "BC")
    assert {call.stage for call in found.calls} == {"D"}
    assert len(found.calls) == 2


def test_a_changed_stage_that_does_not_reach_the_outcome_is_no_player():
    made = cascade("A AB AC")
    aside = replace(made, outcome=Outcome(stage="C", metric="accuracy", good=1.0))
    old = dict.fromkeys(aside.names, "old")
    found = swap_plan(aside, aside, old, old | {"B": "new", "C": "new"})
    assert (found.players, found.without_effect, found.unchanged) == (("C",), ("B",), ("A",))


def test_nothing_changed_leaves_one_cell():
    found = plan(planted.CHAIN[2], "")
    assert (found.players, found.cells, found.start, found.end) == ((), (), SYSTEM, SYSTEM)
    assert contributions(found).shape == (0, 1)


def rewired(made: Cascade, stage: str, *parents: str) -> Cascade:
    inputs = {"text": Source("record", "text"), **{p: Source("stage", p) for p in parents}}
    return replace(made, stages=tuple(replace(s, inputs=inputs) if s.name == stage else s for s in made.stages))


def test_other_inputs_or_another_condition_make_a_new_version():
    old = cascade(planted.CHAIN[3])
    prints = dict.fromkeys(old.names, "same")
    assert swap_plan(old, rewired(old, "C", "A"), prints, prints).players == ("C",)
    conditional = replace(old, stages=tuple(replace(s, when="true" if s.name == "B" else None) for s in old.stages))
    assert swap_plan(old, conditional, prints, prints).players == ("B",)


def test_mixtures_that_the_wiring_makes_equal_are_run_once():
    # The new C reads A alone, so beside it the version of B can't matter.
    old = cascade(planted.CHAIN[3])
    prints = dict.fromkeys(old.names, "old")
    found = swap_plan(old, rewired(old, "C", "A"), prints, prints | {"B": "new", "C": "new"})
    assert found.players == ("B", "C")
    assert (cells(found), found.end) == (["version:B"], Cell("version", ("C",)))
    assert [str(cell) for _, cell in found.coalitions] == ["system", "version:B", "version:C", "version:C"]
    assert [(call.stage, call.new) for call in found.calls] == [("C", ("B",))]


def test_stages_beside_the_outcome_are_not_called():
    old = cascade("A AB BC BD")
    aimed = replace(old, outcome=Outcome(stage="C", metric="accuracy", good=1.0))
    prints = dict.fromkeys(aimed.names, "old")
    found = swap_plan(aimed, aimed, prints, prints | {"A": "new", "B": "new"})
    assert {call.stage for call in found.calls} == {"B", "C"}


def turned(made: Cascade) -> Cascade:
    """A, then C reads A, then B reads C: the other way round."""
    a, b, c = made.stages
    text = {"text": Source("record", "text")}
    order = (
        a,
        replace(c, inputs={**text, "A": Source("stage", "A")}),
        replace(b, inputs={**text, "C": Source("stage", "C")}),
    )
    return replace(made, stages=order)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: cascade("A AC"), "different stages (B)"),
        (lambda c: replace(c, outcome=Outcome(stage="B", metric="accuracy")), "different outcomes"),
        (
            lambda c: replace(c, stages=tuple(replace(s, output=OutputType(kind=Kind.TEXT)) for s in c.stages)),
            "The output type of A is another one",
        ),
        (turned, "could run in a circle"),
    ],
)
def test_versions_that_can_not_be_mixed_say_why(change, sentence: str):
    old = cascade(planted.CHAIN[3])
    prints = dict.fromkeys("ABC", "x")
    found = swap_plan(old, change(old), prints, prints)
    assert sentence in found.problem
    assert (found.cells, found.players, found.coalitions) == ((), (), ())


def test_a_longer_ranking_can_be_mixed():
    old = cascade(planted.CHAIN[2])
    short = replace(old.stages[0], output=OutputType(kind=Kind.RANKING, of="docs", k=3))
    long = replace(short, output=replace(short.output, k=5))
    old, new = (replace(old, stages=(stage, old.stages[1])) for stage in (short, long))
    assert swap_plan(old, new, {"A": "3", "B": "x"}, {"A": "5", "B": "x"}).problem == ""


def test_every_coalition_is_answered_and_weights_are_shapleys():
    found = plan(planted.CHAIN[4], "ABD")
    assert [mask for mask, _ in found.coalitions] == list(range(8))
    assert contributions(found).tolist() == shapley_matrix(3).tolist()


WIDE = " ".join("ABCDEFGHIJK"[: i + 1][-2:] for i in range(11))


def test_more_than_ten_changed_stages_need_sampled_orders():
    with pytest.raises(ValueError, match="11 stages changed: that is more than 10"):
        plan(WIDE, "ABCDEFGHIJK")
    with pytest.raises(ValueError, match="a random generator and at least one pair"):
        plan(WIDE, "ABCDEFGHIJK", pairs_of_orders=3)
    found = plan(WIDE, "ABCDEFGHIJK", pairs_of_orders=3, rng=np.random.default_rng(0))
    assert len(found.orders) == 6
    assert len(found.cells) <= 6 * 10
    matrix = contributions(found)
    assert matrix.shape == (11, len(found.coalitions))
    assert matrix.sum(axis=1) == pytest.approx(np.zeros(11))
    total = np.zeros(len(found.coalitions))
    total[0], total[-1] = -1, 1
    assert matrix.sum(axis=0) == pytest.approx(total), "contributions add up to the whole difference"


def test_sampled_orders_come_near_to_all_of_them():
    exact, sampled = plan("A AB BC", "ABC"), plan("A AB BC", "ABC", pairs_of_orders=400, rng=np.random.default_rng(1))
    values = np.array([0, 0.1, 0.2, 0.5, 0.05, 0.3, 0.2, 0.9])
    near = values[[mask for mask, _ in sampled.coalitions]]
    assert contributions(sampled) @ near == pytest.approx(contributions(exact) @ values, abs=0.02)


def test_a_mixture_leaves_out_the_outcome_of_a_stage_that_nobody_reads() -> None:
    made = planted.Planted(shape="A AB AC", skill={"A": 1.0, "B": 1.0, "C": 1.0}).cascade()
    whole = replace(
        made, outcome=Outcome(stage="B", metric="accuracy"), outcomes=(Outcome(stage="C", metric="accuracy"),)
    )
    mixed = mixture(whole, whole, Cell("version", ("A",)))
    assert mixed.names == ("A", "B")
    assert mixed.outcomes == ()
