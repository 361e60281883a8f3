from __future__ import annotations

import math

import numpy as np
import pytest

import planted
import views_of_runs
from stagegap.analysis.agree import JudgedOutcome, judged_outcome
from stagegap.model.answer import Answer, Label
from stagegap.people.judgements import Judging

PREFER = Judging(mode="prefer", criterion="quality")
RATE = Judging(mode="rate", criterion="quality")
MADE = planted.Planted(shape="A", skill={"A": 0.7})


def judged(
    n: int, judges: int, *, mode: Judging = PREFER, per_cluster: int = 1, care: float = 0.9
) -> JudgedOutcome | None:
    """The first `judges` of n records are judged; people agree with the metric in that share of cases."""
    found = views_of_runs.evidence(views_of_runs.material(MADE, n, per_cluster=per_cluster))
    rng = np.random.default_rng(2)
    low, high = mode.scale
    labels: list[Label] = []
    for record in found.records[:judges]:
        is_right = found.system("A")[record.id].value == "right"
        good = is_right if rng.random() < care else not is_right
        ratings = {"system": int(high if good else low), "person": int(high)}
        answer = Answer(value={"criterion": "quality", "ratings": ratings})
        labels.append(
            Label(id=record.id, record=record.id, stage="A", annotator="ann", answer=answer, task="judge", queue="q")
        )
    return judged_outcome(found, "A", mode, labels)


def test_the_metric_of_all_records_sharpens_what_people_say_of_some():
    found = judged(2_000, 150)
    assert found is not None
    truth = 0.7 * 0.9 + 0.3 * 0.1
    alone, helped = found.people, found.helped
    assert helped.low <= truth <= helped.high
    assert helped.high - helped.low < 0.8 * (alone.high - alone.low)
    assert (alone.n, helped.n) == (150, 150)
    assert helped.method.startswith("PPI++, 1850 judged records, weight 0.")


def test_the_pass_rate_is_corrected_for_the_errors_of_the_metric():
    found = judged(2_000, 300)
    assert found is not None
    assert found.passed.value == pytest.approx(0.7, abs=0.03)
    assert found.corrected.low <= 0.66 <= found.corrected.high
    assert found.corrected.method == "Rogan-Gladen, Lang-Reiczigel"


def test_ratings_are_no_pass_and_clusters_are_not_taken_as_independent():
    rated = judged(400, 100, mode=RATE)
    assert rated is not None
    assert rated.corrected.method.startswith("not measured: a rating does not say good or not")
    alone, together = judged(400, 100), judged(400, 100, per_cluster=10)
    assert alone is not None
    assert together is not None
    assert together.corrected.method.startswith("not measured: the correction takes records as independent")
    assert (together.helped.clusters, together.people.clusters) == (10, 10)
    assert together.helped.value == alone.helped.value


def test_a_metric_that_tells_nothing_corrects_nothing():
    found = judged(400, 60, care=0.5)
    assert found is not None
    assert found.corrected.method == "not measured: the judge is not better than chance on the calibration records"


def test_nobody_who_judged_gives_none_and_one_judgement_is_too_few():
    assert judged(50, 0) is None
    one = judged(50, 1)
    assert one is not None
    assert (one.helped.method, math.isnan(one.helped.value)) == ("too few: 1 labelled record", True)
    assert not one.corrected.is_measured
