from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import planted
import views_of_runs
from sixty import replace_in, write_sixty
from stagegap.analysis.repeats import RepeatNoise, passes, repeat_noise
from stagegap.analysis.views import gap_sheet
from stagegap.model.answer import Output, Status
from stagegap.workspace import Workspace


def noise(steady: float, *, n: int = 300, repeats: int = 3, per_cluster: int = 1, lost: int = 0) -> RepeatNoise | None:
    """Half of the records are right each time by `steady`, the others wrong as often."""
    found = views_of_runs.evidence(views_of_runs.material(views_of_runs.CHAIN, n, per_cluster=per_cluster))
    rng = np.random.default_rng(1)
    outputs = [
        Output(
            record=record.id,
            stage="B",
            status=Status.INFRASTRUCTURE if i < lost and repeat == 1 else Status.OK,
            value=planted.RIGHT if (rng.random() < steady) == (i % 2 == 0) else planted.WRONG,
            repeat=repeat,
        )
        for i, record in enumerate(found.records)
        for repeat in range(repeats)
    ]
    return repeat_noise(found, "B", outputs, resamples=300)


def test_the_planted_variances_are_found():
    found = noise(0.9, n=4_000)
    assert found is not None
    assert found.sigma2.low <= 0.9 * 0.1 <= found.sigma2.high
    assert found.omega2 == pytest.approx(0.16, abs=0.01)
    assert (found.n, found.repeats, found.repeats_pay) == (4_000, 3, False)
    assert found.sentence == (
        "B was asked 3 times for the same input: the score of one record moves by 30 points (30 to 31) from time to "
        "time, and by 40 from record to record (standard deviations, n = 4,000); only more records would make the "
        "mean surer."
    )


def test_repeats_pay_where_chance_is_most_of_it():
    found = noise(0.5)
    assert found is not None
    assert found.repeats_pay
    assert found.sentence.endswith("more repeats would make the mean surer.")


def test_a_stage_that_was_asked_once_has_no_such_noise():
    assert noise(0.9, repeats=1) is None


def test_records_that_a_service_failed_leave_and_too_few_are_named():
    found = noise(0.9, n=40, lost=10)
    assert found is not None
    assert found.n == found.sigma2.n == 30
    few = noise(0.9, n=4, lost=3)
    assert few is not None
    assert math.isnan(few.omega2)
    assert few.sentence == "B was asked 3 times; too few: 1 record with a score in each of 3 repeats."


def test_a_stage_that_never_differs_has_an_interval_and_one_cluster_none():
    found = noise(1.0, n=50)
    assert found is not None
    assert (found.sigma2.value, found.sigma2.low) == (0.0, 0.0)
    assert found.sigma2.high > 0.05, "fifty records do not prove that it never differs"
    one = noise(0.9, n=50, per_cluster=50)
    assert one is not None
    assert "how far its answers differ is too few" in one.sentence


def test_a_run_with_repeats_keeps_it_with_the_scorecard(tmp_path: Path):
    made = write_sixty(tmp_path / "project")
    replace_in(made / "cascade.yaml", "    ask: What is", "    repeats: 2\n    ask: What is")
    with Workspace.open(made) as opened:
        opened.runs.new(None)
        card = opened.runs.scorecard("first")
    assert card is not None
    kept = [(one.stage, one.repeats, one.sigma2.value) for one in card.repeats]
    assert kept == [("topic", 2, 0.0), ("reply", 2, 0.0)]
    places = [(row.stage, row.k) for row in card.passes]
    assert places == [("topic", 1), ("topic", 2), ("reply", 1), ("reply", 2), ("outcome", 1), ("outcome", 2)]
    end = card.passes[-1]
    assert (end.every.value, end.worst.value, end.once.value) == (card.system.value,) * 3, "it never answers otherwise"
    assert (end.every.low, end.every.high, end.every.n) == (card.system.low, card.system.high, 60)
    printed = gap_sheet(card).tables
    assert any("Right every time (pass^k)" in [column.name for column in table.columns] for table in printed)


def test_how_often_an_answer_is_right_every_time_is_found_with_its_interval():
    found = views_of_runs.evidence(views_of_runs.material(views_of_runs.CHAIN, 3_000, per_cluster=2))
    rng = np.random.default_rng(4)
    outputs = [
        Output(
            record=record.id, stage="C", status=Status.OK, value=planted.RIGHT if is_right else planted.WRONG, repeat=k
        )
        for record in found.records
        for k, is_right in enumerate((rng.random(10) < 0.8).tolist())
    ]
    rows = {(row.stage, row.k): row for row in passes(found, {"C": outputs}, resamples=300)}
    assert {k for stage, k in rows if stage == "C"} == {1, 2, 4, 8, 10}
    for k in (1, 2, 4):
        assert rows["C", k].every.low <= 0.8**k <= rows["C", k].every.high
        assert rows["C", k].once.low <= 1 - 0.2**k <= rows["C", k].once.high
        assert rows["C", k].worst == rows["C", k].every, "scores are 0 or 1"
        assert rows["C", k].every.clusters == 1_500
    assert passes(found, {"C": outputs[::10]}, resamples=300) == (), "asked once"
