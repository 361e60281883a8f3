from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import planted
from stagegap.analysis.need import NeedView, need_sheet, need_view, spaced
from stagegap.analysis.views import from_json, to_json
from views_of_runs import CHAIN, Material, evidence, material, timed

CLOSE = planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.85, "B": 0.8})


def view(found: Material) -> NeedView:
    return need_view(evidence(found), resamples=400)


def unlabelled(found: Material, count: int, *, stage: str) -> Material:
    cascade, rows, outputs, labels = found
    gone = {row.id for row in rows[:count]}
    return cascade, rows, outputs, tuple(x for x in labels if x.stage != stage or x.record not in gone)


def test_a_decided_ranking_needs_nothing():
    found = view(material(CHAIN, 400))
    assert (found.is_decided, found.more, found.next) == (True, 0, ())
    assert found.sentence == "Decided: B is first. More labels would only sharpen the numbers."
    assert found.evidence > 20
    assert (found.stages[1].best_rank, found.stages[1].worst_rank) == (1, 1)
    assert found.stages[1].detectable < 0.1


def test_an_open_ranking_says_how_many_more_and_which():
    pilot = material(planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.85, "B": 0.75}), 60, seed=5)
    found = view(unlabelled(timed(pilot, 6_000), 20, stage="B"))
    assert not found.is_decided
    assert (found.n, found.unlabelled, found.stages[1].missing) == (40, 20, 20)
    assert {one.stages for one in found.next} == {("B",)}
    assert [one.record for one in found.next] != sorted(one.record for one in found.next), "in random order"
    assert found.stages[0].seconds == 6
    assert found.budget is not None
    assert found.more == found.budget - 40
    # 20 labels at B of records there are, and two for each new one, at 6 seconds.
    assert found.halfway is not None
    assert found.proposed == found.halfway - 40 > 20
    assert found.minutes == pytest.approx((20 + 2 * (found.proposed - 20)) * 6 / 60)
    assert found.more > found.proposed
    assert found.most_minutes == pytest.approx((20 + 2 * (found.more - 20)) * 6 / 60)
    time = next(line for line in need_sheet(found).sentences if "minutes" in line)
    assert time.startswith(f"At the pace of the labels so far {found.proposed:,} more take about {found.minutes:,.0f} ")
    assert time.endswith(
        f"the first rank in half of the cases, {found.more:,} more ({found.most_minutes:,.0f} minutes) in 95% of those "
        "with a lead of 2 points. Verdicts decide no rank, for gains rest on blind answers alone."
    )
    assert "With the 20 left in this run not even a lead of 10 points is sure to show." in found.sentence
    assert from_json(NeedView, to_json(found)) == found


def test_a_lead_that_might_be_luck_lowers_no_promise():
    made = planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.875, "B": 0.857})
    found = view(material(made, 120))
    assert found.budget is not None
    assert [f"{promise.lead:.0%}" for promise in found.promises] == ["2%", "5%", "10%"]
    assert found.budget == found.promises[0].records > 5 * found.promises[1].records
    assert found.sentence == (
        "A and B can each be first. Label in the order given and stop when the evidence reaches 20 (it is "
        f"{found.evidence:.1f}); in half of the cases that takes {found.halfway:,} records in all. "
        f"{found.promises[1].records:,} records in all name the worst stage in 95% of cases if it leads by 5 points or "
        f"more, {found.budget:,} if it leads by 2. All of them must be new."
    )


@pytest.mark.parametrize(
    ("more", "reach"),
    [
        (20, "With the 20 left in this run not even a lead of 10 points is sure to show."),
        (700, "With the 700 left in this run a lead of 10 points or more is sure to show, a smaller one is not."),
        (30_000, "if it leads by 2."),
    ],
)
def test_what_the_records_left_can_show_is_said(more: int, reach: str):
    made = planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.875, "B": 0.857})
    cascade, rows, outputs, labels = material(made, 120)
    left = [replace(rows[0], id=f"more{i}", cluster=None) for i in range(more)]
    assert view((cascade, (*rows, *left), outputs, labels)).sentence.endswith(reach)


def test_a_decision_at_one_look_warns_those_who_looked_before():
    made = planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.9, "B": 0.78})
    found = next(
        one for seed in range(40) if 1 < (one := view(material(made, 90, seed=seed))).evidence < 20 and one.is_decided
    )
    assert f"Who looked before waits for evidence of 20 instead; it is {found.evidence:.1f}." in found.sentence


def test_below_thirty_records_thirty_come_first():
    found = view(material(CLOSE, 12))
    assert found.more == 18
    assert found.sentence == "Label 18 records more at every stage: below 30 no stage is named."
    assert found.minutes is None, "nobody's time is known"


@pytest.mark.parametrize("n", [0, 1])
def test_too_little_is_named(n: int):
    found = view(material(CLOSE, n))
    assert found.more == 30
    assert not found.stages[0].gain.is_measured


def test_a_stage_without_references_is_named():
    found = view(unlabelled(material(CHAIN, 40), 40, stage="B"))
    assert found.sentence == "Not measured: no record has a reference at B."
    assert found.stages[1].missing == 40
    assert found.stages[0].detectable == pytest.approx(0.198, abs=0.001), "2.80 sqrt(0.2 / 40)"


def test_records_of_nearly_one_cluster_promise_no_budget():
    cascade, records, outputs, labels = material(CHAIN, 40)
    of_one = tuple(replace(record, cluster="big" if i < 34 else f"c{i}") for i, record in enumerate(records))
    found = need_view(evidence((cascade, of_one, outputs, labels)), resamples=60)
    assert found.budget is None
    assert found.sentence.endswith(
        "How many records would part them can't be said: these are nearly all of one cluster; label records of others."
    )


def test_how_many_labels_each_stage_wants_hangs_on_no_order():
    cascade, rows, outputs, labels = material(CLOSE, 120, seed=5)
    turn = np.random.default_rng(3).random((120, 2)).tolist()
    bare = {(row.id, "AB"[i]) for row, own in zip(rows, turn, strict=True) for i in (0, 1) if own[i] < 0.85}
    kept = tuple(label for label in labels if (label.record, label.stage) not in bare)
    orders = [rows, rows[::-1], rows[40:] + rows[:40]]
    plans = [view((cascade, own, outputs, kept)) for own in orders]
    assert len({tuple(row.wanted for row in plan.stages) for plan in plans}) == 1
    assert 0 < plans[0].stages[0].wanted < plans[0].proposed < plans[0].unlabelled
    assert len({plan.most_minutes for plan in plans}) == 1
    for plan in plans:  # the records that are named are the ones that were counted
        first = plan.next[: plan.proposed]
        assert [sum(name in one.stages for one in first) for name in "AB"] == [row.wanted for row in plan.stages]
        assert len({one.record for one in plan.next}) == len(plan.next)


def test_every_beginning_of_the_records_to_label_is_a_fair_sample():
    """Each of ten records that lack something comes first among four as often as the others."""
    lacking = np.array([[1, 1]] * 6 + [[1, 0]] * 3 + [[0, 1]] + [[0, 0]] * 4, dtype=bool)
    times = np.zeros(14)
    for seed in range(2_000):
        times[spaced(lacking, ["b", "a"], 4, rng=np.random.default_rng(seed))] += 1
    assert times[:10] / 2_000 == pytest.approx(np.full(10, 0.4), abs=0.05)
    assert not times[10:].any()
    assert not len(spaced(lacking[10:], ["b", "a"], 4, rng=np.random.default_rng(0)))
    many = np.eye(40, dtype=bool) | (np.arange(40) % 3 == 0)
    order = spaced(many, [f"s{i}" for i in range(40)], 50, rng=np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(40))
