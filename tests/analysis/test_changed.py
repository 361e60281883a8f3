from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planted
from sheets_of import rows_of
from stagegap.analysis.changed import cell_outcomes, what_changed
from stagegap.analysis.changes import StageShare, WhatChanged
from stagegap.analysis.coalitions import swap_plan
from stagegap.analysis.evidence import outcome_scores
from stagegap.analysis.views import from_json, to_json
from stagegap.attribution.shapley import shapley_matrix
from stagegap.model.run import SYSTEM, Cell
from stagegap.tables.figures import percent
from stagegap.tables.table import COLUMNS
from versions import Floats, Versions, evidence

BASE = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.95, "B": 0.7, "C": 0.9})
CLASH = Versions(base=BASE, new={"B": 0.85, "C": 0.92}, clash={("B", "C"): 0.12})


def made(versions: Versions, n: int = 600, *, seed: int = 1, noisy: bool = False) -> WhatChanged:
    lucks = versions.luck(n, np.random.default_rng(seed), noisy=noisy)
    return of(versions, versions.outcomes(lucks), n)


def of(versions: Versions, outcomes: dict[Cell, Floats], n: int) -> WhatChanged:
    return what_changed(
        versions.plan(), outcomes, planted.records(n), versions.base.cascade(), before="v1", after="v2", seed=1,
        resamples=400,
    )  # fmt: skip


def shares(view: WhatChanged) -> dict[str, StageShare]:
    return {row.stage: row for row in view.stages}


def test_the_difference_is_told_with_its_causes():
    view = made(CLASH)
    assert view.headline == "+6 points: +9 from B, −3 from C, which had got used to the old B"
    assert view.summary == (
        "B: +9 points (95% interval 6 to 11), better. C: −3 points (95% interval −4 to −2), worse. "
        "in all: +6 points (95% interval 3 to 9), better. A is the same or can't matter."
    )


def test_the_pair_shows_what_the_new_stage_is_worth_beside_the_old_and_the_new_one():
    (pair,) = made(CLASH).pairs
    assert (pair.earlier, pair.later, pair.is_used_to_old) == ("B", "C", True)
    assert pair.with_old.value > 0 > pair.with_new.value
    assert pair.claim.change.value == pytest.approx(pair.with_new.value - pair.with_old.value)
    assert pair.claim.verdict == "regressed"


def test_contributions_recover_the_planted_truth():
    view = made(CLASH, 40_000)
    truth = np.array([CLASH.mixed(taken).expected(()) for taken in ((), "B", "C", "BC")])
    expected = shapley_matrix(2) @ truth
    for name, value in zip("BC", expected, strict=True):
        change = shares(view)[name].claim.change
        assert change.low <= value <= change.high
        assert change.value == pytest.approx(value, abs=0.006)
    assert shares(view)["C"].alone.value == pytest.approx(truth[2] - truth[0], abs=0.006)
    assert shares(view)["C"].last.value == pytest.approx(truth[3] - truth[1], abs=0.006)


def test_a_stage_that_pays_only_beside_another_says_so():
    bought = Versions(base=BASE, new={"B": 0.85, "C": 0.86}, clash={("B", "C"): -0.14})
    view = made(bought, 3_000)
    assert view.headline.endswith("from C, which pays only with the new B")
    assert view.headline.startswith("+21 points: +18 from B, +3 ")


def test_a_single_change_gets_the_whole_difference():
    view = made(Versions(base=BASE, new={"B": 0.85}))
    assert shares(view)["B"].claim.change.value == view.total.change.value
    assert view.headline == "+13 points: +13 from B"
    assert shares(view)["B"].claim.change.method == "Tango score"
    assert shares(view)["B"].fixed - shares(view)["B"].broken == round(600 * view.total.change.value)


def test_unchanged_stages_contribute_exactly_nothing():
    row = shares(made(CLASH))["A"]
    assert (row.status, row.claim.verdict) == ("unchanged", "tied")
    assert (row.claim.change.low, row.claim.change.high) == (0.0, 0.0)


def test_no_change_at_all_is_said():
    view = made(Versions(base=BASE))
    assert view.headline == "No stage that reaches the outcome changed"
    assert (view.total.verdict, view.total.change.value, view.pairs) == ("tied", 0.0, ())
    assert view.summary == "A, B and C are the same or can't matter."


def test_a_rewrite_without_effect_is_tied():
    view = made(Versions(base=BASE, new={"B": 0.7, "C": 0.9}), noisy=True)
    assert view.headline == "No measurable difference (n = 600)"
    assert {row.claim.verdict for row in view.stages} == {"tied"}


def test_gains_and_losses_that_cancel_are_shown_under_a_tie():
    cancel = Versions(base=BASE, new={"B": 0.85, "C": 0.74})
    view = made(cancel, 2_000)
    assert view.headline.startswith("No measurable difference (n = 2,000), but −12 from C, +11 from B")


def test_a_difference_that_no_stage_can_be_named_for():
    # Each of the two alone is too little to be told from nothing; together they are not.
    both = Versions(base=BASE, new={"B": 0.735, "C": 0.945})
    views = [made(both, 200, seed=seed) for seed in range(40)]
    found = [view.headline for view in views if view.headline.endswith("no stage stands out")]
    assert found, "among forty samples there is one of the kind"
    assert found[0].startswith("+")


def test_too_few_records_and_none():
    assert made(CLASH, 20).headline == "Too few to read: 20 of 30 records"
    nothing = dict.fromkeys(CLASH.outcomes(CLASH.luck(40, np.random.default_rng(0))), np.full(40, math.nan))
    assert of(CLASH, nothing, 40).headline == "Not measured: no record has this score"


def test_records_without_an_outcome_in_some_cell_are_left_out_everywhere():
    outcomes = CLASH.outcomes(CLASH.luck(300, np.random.default_rng(0)))
    cell = Cell("version", ("C",))
    outcomes[cell] = np.where(np.arange(300) < 40, math.nan, outcomes[cell])
    view = of(CLASH, outcomes, 300)
    assert (view.n, view.left_out) == (260, 40)
    assert {shares(view)[name].claim.change.n for name in "BC"} == {260}
    assert view.summary.endswith("40 records left out for lack of an outcome.")


def test_a_contribution_without_a_spread_has_no_number():
    # Every record gains exactly a tenth from B alone: nothing says how far other records would differ.
    alike = np.full(60, 0.1)
    luck = np.random.default_rng(0).random(60) / 2
    outcomes = {SYSTEM: luck, Cell("version", ("B",)): luck + alike}
    outcomes |= {Cell("version", ("C",)): 0.5 + luck / 2, Cell("version", ("B", "C")): 0.5 + luck / 2 + alike}
    view = of(CLASH, outcomes, 60)
    assert shares(view)["B"].claim.verdict == "too few"
    assert view.headline == "+47 points: +37 from C"
    assert view.summary.startswith("B: too few: ")


def test_a_changed_stage_that_can_not_matter_is_listed():
    cascade = planted.Planted(shape="A AB AC", skill=dict.fromkeys("ABC", 0.9)).cascade()
    prints = dict.fromkeys("ABC", "old")
    plan = swap_plan(cascade, cascade, prints, prints | {"B": "new", "C": "new"})
    outcomes = {SYSTEM: np.zeros(50), plan.end: np.ones(50)}
    view = what_changed(plan, outcomes, planted.records(50), cascade, before="a", after="b", seed=0, resamples=50)
    assert shares(view)["B"].status == "does not reach the outcome"
    assert view.headline == "+100 points: +100 from C"


def test_sampled_orders_give_what_they_have_run():
    cascade = BASE.cascade()
    prints = dict.fromkeys("ABC", "old")
    new = dict.fromkeys("ABC", "new")
    versions = Versions(base=BASE, new={"A": 0.97, "B": 0.85, "C": 0.92})
    plan = swap_plan(cascade, cascade, prints, new, pairs_of_orders=1, rng=np.random.default_rng(0))
    lucks = versions.luck(200, np.random.default_rng(0))
    outcomes = {cell: versions.outcome(lucks, cell.stages) for cell in (plan.start, *plan.cells, plan.end)}
    view = what_changed(plan, outcomes, planted.records(200), cascade, before="a", after="b", seed=0, resamples=50)
    assert (view.orders, view.pairs) == (2, ())
    assert view.tolerance is None, "one pair of orders says nothing of its error"
    assert sum(row.claim.change.value for row in view.stages) == pytest.approx(view.total.change.value)
    unknown = [row.stage for row in view.stages if not row.alone.is_measured]
    assert len(unknown) == 1, "the middle stage of the order comes neither first nor last"
    assert shares(view)[unknown[0]].fixed == 0


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 4).flatmap(
        lambda k: st.tuples(st.just(k), st.lists(st.lists(st.integers(0, 4), min_size=2**k, max_size=2**k), min_size=30,
                                                 max_size=40))
    )
)  # fmt: skip
def test_contributions_add_up_and_swapping_the_versions_flips_every_sign(case: tuple[int, list[list[int]]]):
    k, rows = case
    base = planted.Planted(shape=planted.CHAIN[k], skill=dict.fromkeys("ABCD"[:k], 0.5))
    versions = Versions(base=base, new=dict.fromkeys("ABCD"[:k], 0.5))
    plan = versions.plan()
    table = np.array(rows, dtype=float).T / 4
    there = {cell: table[mask] for mask, cell in plan.coalitions}
    back = {cell: table[~mask] for mask, cell in plan.coalitions}
    first, second = of(versions, there, len(rows)), of(versions, back, len(rows))
    total = first.total.change
    if total.is_measured and all(row.claim.change.is_measured for row in first.stages):
        assert sum(row.claim.change.value for row in first.stages) == pytest.approx(total.value, abs=1e-9)
    for one, other in zip(first.stages, second.stages, strict=True):
        if one.claim.change.is_measured:
            assert other.claim.change.value == pytest.approx(-one.claim.change.value, abs=1e-9)
            assert other.claim.p == pytest.approx(one.claim.p)
    for pair, turned in zip(first.pairs, second.pairs, strict=True):
        if pair.claim.change.is_measured:
            assert turned.claim.change.value == pytest.approx(pair.claim.change.value, abs=1e-9)


def test_the_view_survives_json_and_is_the_same_each_time():
    text = to_json(made(CLASH, 100))
    assert to_json(from_json(WhatChanged, text)) == text == to_json(made(CLASH, 100))


def test_a_plan_with_a_problem_and_missing_outcomes_are_refused():
    plan = CLASH.plan()
    outcomes = CLASH.outcomes(CLASH.luck(40, np.random.default_rng(0)))
    problem = replace(plan, problem="They can't be mixed.")
    with pytest.raises(ValueError, match="They can't be mixed"):
        what_changed(problem, outcomes, planted.records(40), BASE.cascade(), before="a", after="b", seed=0)
    outcomes.pop(Cell("version", ("B",)))
    with pytest.raises(ValueError, match="there are no outcomes of version:B"):
        of(CLASH, outcomes, 40)


def test_outcomes_of_a_mixture_are_scored_like_the_systems():
    records = planted.records(50)
    found = evidence(BASE, BASE.luck(50, np.random.default_rng(0)), records)
    assert cell_outcomes(found, found.system("C")).tolist() == outcome_scores(found, SYSTEM).tolist()
    assert np.isnan(cell_outcomes(found, {})).all()


def test_what_changed_has_the_columns_of_every_view_with_banzhaf_and_harm():
    rows = rows_of(made(CLASH))
    assert {tuple(row) for row in rows} == {COLUMNS}
    figures = {row["figure"] for row in rows if row["stage"] == "C"}
    assert {"contribution", "banzhaf", "harm", "gain alone", "gain last"} <= figures
    harmed = shares(made(CLASH))["C"].harm
    assert harmed is not None
    assert harmed.count == shares(made(CLASH))["C"].broken
    (pair,) = made(CLASH).pairs
    assert pair.table is not None
    assert pair.table.n == made(CLASH).n


def test_printed_contributions_add_up_to_the_printed_difference():
    for seed in range(20):
        view = made(CLASH, 170, seed=seed)
        assert sum(view.printed.values()) == percent(view.total.change.value)
