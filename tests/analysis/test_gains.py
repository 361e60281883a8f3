from __future__ import annotations

import numpy as np
import pytest

import planted
from stagegap.analysis import evidence as ev
from stagegap.analysis.gains import Gains, alone_gains, ceiling_of, gains
from stagegap.attribution.shapley import SampledOrders
from stagegap.attribution.swaps import lattice_cells, prefix_cells, run_cells, stages_between
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.run import SYSTEM
from stagegap.stats.resample import resample
from views_of_runs import evidence, material

WIDE = "A AB AC AD AE AF AG BCDEFGH"
"""Six branches beside each other: 66 swap sets, 720 orders."""
SKILL = {"A": 0.95, "B": 0.7, "C": 0.8, "D": 0.9, "E": 0.95, "F": 0.95, "G": 0.95, "H": 0.98}
EVERY = planted.Planted(shape=WIDE, skill=SKILL)


def ran(made: planted.Planted, n: int, *, rounds: int, seed: int = 0, twins: str = "") -> ev.Evidence:
    """A planted run that made so many rounds of sampled orders; twins fail on the same records."""
    cascade, rows = made.cascade(), planted.records(n)
    ids = [row.id for row in rows]
    luck = made.luck(n, np.random.default_rng(seed))
    for name in twins:
        luck[name] = luck[twins[0]]
    outputs = made.outputs(luck, ids)
    end = cascade.outcome.stage
    for cell in run_cells(cascade, rounds=rounds):
        for name in stages_between(cascade, cell, target=end) if cell in lattice_cells(cascade, rounds=rounds) else ():
            outputs[str(cell), name] = made._outputs(luck, ids, cell, name)
    return evidence((cascade, rows, outputs, planted.labels(ids, made.names)))


def exact(made: planted.Planted) -> list[float]:
    """The true gains over all orders, by enumeration of the expected outcomes."""
    from stagegap.attribution.swaps import named, weights, whole_lattice

    sets = whole_lattice(made.cascade())
    assert sets is not None
    values = {mask: made.expected(named(made.names, mask)) for mask in sets.to}
    return np.sum([values[mask] * weight for mask, weight in weights(sets).items()], axis=0).tolist()


def figures(found: ev.Evidence) -> tuple[list[Estimate], Gains]:
    """The gains in the order of the staircase, with what they rest on."""
    won = gains(found)
    assert won.is_measured
    drawn = resample(won.columns, found.units, rng=np.random.default_rng(0), resamples=200)
    return [step.gain for step in ceiling_of(drawn, won).steps], won


def test_sampled_orders_find_the_true_gains_and_say_how_many_there_were():
    found, won = figures(ran(EVERY, 600, rounds=6))
    for gain, truth in zip(found, exact(EVERY), strict=True):
        assert gain.low - 0.01 <= truth <= gain.high + 0.01
        assert gain.method.endswith("; 48 of 720 orders sampled")
    assert sum(gain.value for gain in found) == pytest.approx(won.steps[-1].mean() - won.steps[0].mean())


def test_the_stop_rule_says_when_the_difference_of_the_first_two_was_clear():
    found = gains(ran(EVERY, 400, rounds=6))
    assert found.note == "Gains rest on 48 of 720 orders; to part B and C, the first 40 were enough."


def test_too_few_rounds_say_how_many_orders_would_do():
    found = gains(ran(EVERY, 400, rounds=2))
    assert found.note == "Gains rest on 16 of 720 orders, which do not part B and C; about 40 would."
    assert found.is_measured


def test_branches_that_are_equal_are_not_told_apart():
    same = planted.Planted(shape=WIDE, skill={**SKILL, "B": 0.7, "C": 0.7})
    found = gains(ran(same, 200, rounds=5, twins="BC"))
    assert found.note.endswith("of 720 orders, which do not part B and C.")


def test_a_run_that_holds_every_swap_set_weighs_every_order():
    found, won = figures(ran(EVERY, 300, rounds=120))
    assert (won.note, won.drawn) == ("", None)
    assert not found[1].method.endswith("sampled")


def test_which_orders_were_drawn_is_part_of_the_interval():
    gain = Estimate(value=0.2, low=0.14, high=0.26, n=50, method="Tango score")
    drawn = SampledOrders(halves=np.zeros(2), leads=np.zeros((2, 2)), orders=16, of=720)
    wider = drawn.widened(gain, 0.08)
    assert (wider.low, wider.high) == pytest.approx((0.1, 0.3))
    assert wider.method == "Tango score; 16 of 720 orders sampled"
    nothing = unmeasured("too few: 1 record", n=1)
    assert drawn.widened(nothing, 0.08) is nothing


def test_one_round_alone_has_no_spread():
    found = gains(ran(EVERY, 60, rounds=1))
    assert found.reason == (
        "not measured: parallel branches need 66 swap sets; a run with --orders 40 samples their orders"
    )


def test_too_many_branches_to_count_are_said():
    letters = "BCDEFGHIJKLMNOPQ"
    made = planted.Planted(
        shape="A " + " ".join("A" + x for x in letters) + " " + letters + "R",
        skill=dict.fromkeys("A" + letters + "R", 0.9),
    )
    cells = {name: {} for name in map(str, (SYSTEM, *prefix_cells(made.cascade())))}
    rows = planted.records(2)
    ids = [row.id for row in rows]
    end = {(name, "R"): made._outputs(made.luck(2, np.random.default_rng(0)), ids, SYSTEM, "R") for name in cells}
    bare = evidence((made.cascade(), rows, end, planted.labels(ids, made.names)))
    assert gains(bare).reason == "not measured: parallel branches have more than 20,000 swap sets"


def test_records_without_an_outcome_everywhere_leave_nothing_to_say():
    found = gains(ran(EVERY, 0, rounds=3))
    assert (found.is_measured, found.note, found.n) == (False, "", 0)


@pytest.mark.slow  # six stages are sampled in the gate
def test_twelve_stages_are_sampled_in_a_fraction_of_their_swap_sets():
    letters = "BCDEFGHIJK"
    shape = "A " + " ".join("A" + x for x in letters) + " " + letters + "L"
    skill = dict.fromkeys("A" + letters + "L", 0.97) | {"D": 0.75}
    made = planted.Planted(shape=shape, skill=skill)
    found, won = figures(ran(made, 60, rounds=5))
    cells = lattice_cells(made.cascade(), rounds=5)
    assert len(cells) < 400, "of 1,025"
    assert max(range(12), key=lambda i: found[i].value) == 3
    assert won.note.startswith("Gains rest on 40 of 3,628,800 orders; to part D and ")
    assert str(SYSTEM) not in map(str, cells)


def test_a_swap_that_is_known_on_some_records_alone_has_no_gain():
    cascade, rows, outputs, labels = material(planted.Planted(shape=planted.SKIP, skill=dict.fromkeys("ABC", 0.8)), 60)
    some = {row.id: outputs[str(SYSTEM), "C"][row.id] for row in rows[:20]}
    found = evidence((cascade, rows, {**outputs, ("reference:B", "C"): some}, labels))
    alone = alone_gains(found, gains(found), resamples=50)
    assert {name: estimate.is_measured for name, estimate in alone.items()} == {"A": True, "B": False, "C": True}
    assert alone["B"].method == "not measured: no swap of B alone was run"
