from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planted
import versions
import views_of_runs
from analysis.test_degenerate_views import honest
from sheets_of import rows_of, sheet_of
from stagegap.analysis import evidence as ev
from stagegap.analysis import views
from stagegap.analysis.coalitions import sampled_orders, set_masks
from stagegap.analysis.person_swaps import PeopleAt, PersonSwaps, Unanswered, person_swaps, without_own
from stagegap.attribution.shapley import banzhaf_matrix, interaction_matrix, shapley_matrix
from stagegap.attribution.swaps import named
from stagegap.charts import sheet_html
from stagegap.model.answer import Answer, Label
from stagegap.model.cascade import Source
from stagegap.people.references import Respondent, respondents
from stagegap.tables.figures import between, points
from stagegap.tables.table import COLUMNS

BASE = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.95, "B": 0.6, "C": 0.9})
PEOPLE = versions.Versions(base=BASE, new={"A": 0.99, "B": 0.9, "C": 0.95}, clash={("B", "C"): 0.2})
"""People are better at every stage, but a person at C is thrown off by what a person at B sends."""


def found(n: int = 400, *, per_cluster: int = 1) -> ev.Evidence:
    return views_of_runs.evidence(views_of_runs.material(BASE, n, per_cluster=per_cluster))


def at(evidence: ev.Evidence, stages: str = "ABC", **more: Any) -> PeopleAt:
    given = Respondent(name="bob", answers={"what": Answer(value="right")})
    return PeopleAt(
        players=tuple(stages),
        masks=more.pop("masks", set_masks(len(stages), ())),
        orders=more.pop("orders", ()),
        respondents={(record.id, name): given for record in evidence.records for name in stages},
        answered=dict.fromkeys(stages, len(evidence.records)),
        unanswered=(),
    )


def outcomes(people: PeopleAt, n: int) -> dict[int, np.ndarray]:
    lucks = PEOPLE.luck(n, np.random.default_rng(3))
    return {mask: PEOPLE.outcome(lucks, named(people.players, mask)) for mask in people.masks}


def viewed(n: int = 400, *, stages: str = "ABC", per_cluster: int = 1, **more: Any) -> PersonSwaps:
    evidence = found(n, per_cluster=per_cluster)
    people = at(evidence, stages, **more)
    table = outcomes(people, n)
    return person_swaps(evidence, people, table, table, resamples=400)


def truth(stages: str = "ABC") -> np.ndarray:
    return np.array([PEOPLE.mixed(named(stages, mask)).expected(()) for mask in range(1 << len(stages))])


def test_the_planted_truth_is_found():
    """Within four standard errors of 4,000 records."""
    view, v = viewed(4_000), truth()
    assert view.total.change.value == pytest.approx(v[-1] - v[0], abs=0.036)
    for i, row in enumerate(view.stages):
        assert row.alone.change.value == pytest.approx(v[1 << i] - v[0], abs=0.027)
        assert row.share.change.value == pytest.approx((shapley_matrix(3) @ v)[i], abs=0.027)
        assert row.banzhaf.value == pytest.approx((banzhaf_matrix(3) @ v)[i], abs=0.027)
    for pair, expected in zip(view.pairs, interaction_matrix(3).matrix @ v, strict=True):
        assert pair.interaction.value == pytest.approx(expected, abs=0.027)


def test_shares_add_up_to_what_people_everywhere_change():
    view = viewed()
    assert sum(row.share.change.value for row in view.stages) == pytest.approx(view.total.change.value)
    assert view.people.value - view.system.value == pytest.approx(view.total.change.value)


def test_stages_that_clash_show_it_and_the_four_cells_add_up():
    (pair,) = [one for one in viewed(2_000).pairs if (one.earlier, one.later) == ("B", "C")]
    assert pair.together.verdict == "regressed"
    table = pair.table
    assert table.right_both - table.right_first - table.right_second + table.right == round(
        pair.together.change.value * table.n
    )
    assert table.n == 2_000


def test_good_records_that_a_person_makes_bad_are_listed():
    evidence = found(60)
    people = at(evidence, "B")
    system = np.r_[np.ones(40), np.zeros(20)]
    person = np.r_[np.zeros(3), np.ones(57)]
    view = person_swaps(evidence, people, {0: system, 1: person}, {0: system, 1: person}, resamples=200)
    (row,) = [one for one in view.stages if one.stage == "B"]
    assert row.harm is not None
    assert (row.harm.records, row.harm.count, row.harm.rate.value) == (("r00000", "r00001", "r00002"), 3, 3 / 60)
    assert row.harm.rate.method == "Wilson"
    assert (row.fixed, row.broken, row.alone.verdict) == (20, 3, "improved")
    assert view.sentence == "A labeller at B: +28 points (95% interval 14 to 42), better."


def test_whoever_answers_at_the_end_is_held_to_others_only():
    cascade, rows, outputs, labels = views_of_runs.material(BASE, 4)
    others = planted.labels(["r00000"], ["C"], annotator="bob", value="wrong")
    evidence = ev.gather(cascade, rows, outputs, (*labels, *others), custom={}, run="v1")
    ann = Respondent(name="ann", answers={})
    fair = without_own(evidence, {(row.id, name): ann for row in rows for name in "AC"})
    assert [one.value for one in fair.references["r00000", "C"].accepted] == ["wrong"]
    assert ("r00001", "C") not in fair.references, "nobody else has said"
    assert fair.references["r00001", "A"] == evidence.references["r00001", "A"]


def test_the_end_is_compared_on_its_own_targets_and_the_rest_on_all():
    evidence = found(100)
    people = at(evidence, "BC")
    table = outcomes(people, 100)
    half = {mask: np.where(np.arange(100) < 50, column, math.nan) for mask, column in table.items()}
    view = person_swaps(evidence, people, table, half, resamples=200)
    rows = {row.stage: row for row in view.stages}
    assert (rows["B"].alone.change.n, rows["C"].alone.change.n, view.n, view.no_target) == (100, 50, 50, 50)


def test_nobody_who_answered_is_not_measured_and_no_number():
    evidence = found(50)
    people = at(evidence, "")
    system = ev.outcome_scores(evidence, ev.SYSTEM)
    view = person_swaps(evidence, people, {0: system}, {0: system}, resamples=200)
    assert view.sentence == "Not measured: nobody has answered what a stage of this run received."
    assert not any(row.alone.change.is_measured or row.share.change.is_measured for row in view.stages)
    assert (view.n, view.pairs, view.system.is_measured, view.people.is_measured) == (50, (), True, False)
    assert views.to_json(views.from_json(PersonSwaps, views.to_json(view))) == views.to_json(view)


def test_records_that_lack_an_answer_somewhere_leave_only_what_rests_on_it():
    evidence = found(60)
    people = at(evidence, "AB")
    table = outcomes(people, 60) | {3: np.full(60, math.nan)}
    view = person_swaps(evidence, people, table, table, resamples=200)
    rows = {row.stage: row for row in view.stages}
    assert rows["A"].alone.change.is_measured
    assert rows["A"].share.change.method == (
        "not measured: no record has labellers' answers at A and B to everything that comes to them"
    )
    assert (view.n, view.pairs[0].table.n, view.pairs[0].together.change.is_measured) == (0, 0, False)


def test_clusters_widen_every_interval():
    alone, together = viewed(400), viewed(400, per_cluster=8)
    row, own = together.stages[1].alone.change, alone.stages[1].alone.change
    assert row.clusters == 50
    assert row.value == own.value
    assert row.method.startswith("Tango score, effective n")


def test_sampled_orders_give_shares_that_add_up_and_no_banzhaf():
    orders = sampled_orders(3, 2, np.random.default_rng(0))
    view = viewed(200, orders=orders, masks=set_masks(3, orders))
    assert sum(row.share.change.value for row in view.stages) == pytest.approx(view.total.change.value)
    assert {row.banzhaf.method for row in view.stages} == {"not measured: orders were sampled"}
    assert view.orders == 4
    exact = viewed(200)
    assert exact.tolerance is None
    assert view.tolerance is not None
    for sampled, whole in zip(view.stages, exact.stages, strict=True):
        assert abs(sampled.share.change.value - whole.share.change.value) <= view.tolerance


def test_the_frame_has_every_figure_with_stable_columns():
    rows = rows_of(viewed(60))
    assert {tuple(row) for row in rows} == {COLUMNS}
    assert {row["figure"] for row in rows if row["stage"] == "C"} >= {"alone", "shapley", "banzhaf", "harm"}


def test_a_change_is_in_points_whatever_its_column_is_called():
    view = viewed(400)
    drawn = sheet_html(sheet_of(view).tables)
    changes = [row for row in rows_of(view) if row["figure"] not in ("system", "people", "harm")]
    assert {row["figure"] for row in changes} >= {"total", "alone", "shapley", "banzhaf", "interaction with B"}
    for row in changes:
        assert row["unit"] == "points"
        assert f">{points(row['estimate'])} ({between(row['low'], row['high'])})</td>" in drawn
    assert "<td>0." not in drawn


def label(who: str, value: str, *, queue: str = "q", at: float = 0.0, stage: str = "B", **more: Any) -> Label:
    answer = Answer(value=value) if more.get("action", "label") == "label" else None
    return Label(
        id=f"{who}{queue}{at}{stage}", record="r", stage=stage, annotator=who, answer=answer, queue=queue, at=at,
        **more,
    )  # fmt: skip


SHOWN = {("q", "r"): "now", ("old", "r"): "then"}


def chosen(*labels: Label) -> dict[tuple[str, str], tuple[str, dict[str, object]]]:
    made = respondents(labels, SHOWN, BASE.cascade(), {("r", "A"): "a", ("r", "B"): "now"}, anything="")
    return {place: (one.name, {what: a.value for what, a in one.answers.items()}) for place, one in made.items()}


def test_whoever_answered_what_the_stage_received_speaks_for_people():
    assert chosen(label("ann", "x", queue="old"), label("bob", "y")) == {("r", "B"): ("bob", {"now": "y"})}
    assert chosen(label("bob", "x", queue="old"), label("bob", "y")) == {("r", "B"): ("bob", {"then": "x", "now": "y"})}


def test_an_input_that_is_not_known_counts_only_where_it_can_be_nothing_but_the_record():
    assert chosen(label("ann", "x", queue="")) == {}
    assert chosen(label("ann", "x", queue="", stage="A")) == {("r", "A"): ("ann", {"": "x"})}
    assert Source("record", "text") in BASE.cascade().stage("A").inputs.values()


def test_what_was_taken_back_hunted_for_or_settled_stands_for_nobody():
    assert chosen(label("ann", "x"), label("ann", "", at=1.0, action="undo")) == {}
    assert chosen(label("ann", "x", targeted=True)) == {}
    assert chosen(label("ann", "x", action="adjudicate")) == {}
    assert chosen(label("ann", "x", queue="unknown")) == {}


def test_the_draw_among_people_hangs_on_the_record_and_not_on_their_order():
    people = [label(name, name) for name in ("ann", "bob", "cy")]
    assert chosen(*people) == chosen(*reversed(people))


def test_waiting_inputs_stand_in_the_view():
    evidence = found(40)
    waiting = (Unanswered(stage="C", after=("B",), records=("r00001",)),)
    people = PeopleAt(players=("B",), masks=(0, 1), orders=(), respondents={}, answered={"B": 40}, unanswered=waiting)
    table = outcomes(people, 40)
    assert person_swaps(evidence, people, table, table, resamples=200).unanswered == waiting


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 40), per_cluster=st.sampled_from([1, 3, 40]), seed=st.integers(0, 99),
    lost=st.sampled_from([0.0, 0.3, 1.0]), stages=st.sampled_from(["", "B", "AB", "ABC"]),
)  # fmt: skip
def test_whatever_people_answered_the_view_is_honest(n: int, per_cluster: int, seed: int, lost: float, stages: str):
    """None, one or all right or wrong, one cluster, answers that are missing: named, never a number that lies."""
    evidence = found(n, per_cluster=per_cluster)
    people = at(evidence, stages)
    rng = np.random.default_rng(seed)
    share = rng.choice([0.0, 0.5, 1.0])
    table = {
        mask: np.where(rng.random(n) < lost * (mask > 0), math.nan, (rng.random(n) < share).astype(float))
        for mask in people.masks
    }
    honest(person_swaps(evidence, people, table, table, resamples=20))
