from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import planted
from stagegap.analysis.answers import PooledScore, pooled_scores
from stagegap.analysis.evidence import Evidence, gather
from stagegap.model.answer import Answer, Label, Output, Status
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.record import Json

CASCADE = Cascade(
    name="gate",
    stages=(
        Stage(name="detect", uses="python", inputs={}, output=OutputType(kind=Kind.BOOLEAN), metrics=("accuracy",)),
        Stage(
            name="select",
            uses="python",
            inputs={},
            output=OutputType(kind=Kind.RANKING, of="shop", k=5),
            metrics=("mrr", "recall@1"),
            when="detect",
            when_reads=(Source("stage", "detect"),),
        ),
    ),
    outcome=Outcome(stage="select", metric="mrr"),
)
ROWS: list[tuple[bool, list[str] | None, list[str] | None]] = [
    (True, ["a"], ["a", "b"]),  # found first
    (True, ["a"], ["b", "a"]),  # found second
    (True, ["a"], ["b"]),  # answered, wrong
    (True, ["a"], None),  # missed
    (False, None, ["a"]),  # false alarm
    (False, None, None),  # rightly left alone
]


def evidence(*, copies: int, extra: dict[tuple[str, str], Output] | None = None) -> Evidence:
    records = planted.records(len(ROWS) * copies)
    outputs: dict[tuple[str, str], dict[str, Output]] = {("system", "detect"): {}, ("system", "select"): {}}
    labels: list[Label] = []
    for place, record in enumerate(records):
        seeking, right, given = ROWS[place % len(ROWS)]
        answers: dict[str, tuple[Json, Json]] = {"detect": (given is not None, seeking), "select": (given, right)}
        for stage, (value, reference) in answers.items():
            status = Status.SKIPPED if value is None else Status.OK
            outputs["system", stage][record.id] = Output(record=record.id, stage=stage, status=status, value=value)
            answer = Answer(value=reference)
            labels.append(Label(id=f"{record.id}/{stage}", record=record.id, stage=stage, annotator="x", answer=answer))
    for (record_id, stage), output in (extra or {}).items():
        outputs["system", stage][record_id] = output
    return gather(CASCADE, records, outputs, labels, custom={})


def pooled(found: Evidence) -> dict[tuple[str, str], PooledScore]:
    return {(one.stage, one.metric): one for one in pooled_scores(found, seed=1, resamples=500)}


def test_a_boolean_is_pooled_by_its_true_answers():
    found = pooled(evidence(copies=20))["detect", "accuracy"]
    assert (found.wanted, found.answered, found.both) == (80, 80, 60)
    assert (found.precision.value, found.recall.value, found.f1.value) == (0.75, 0.75, pytest.approx(0.75))
    assert (found.precision.n, found.recall.n, found.f1.n) == (80, 80, 100)


def test_a_graded_score_is_shared_by_those_that_wanted_and_those_that_got_an_answer():
    scores = pooled(evidence(copies=20))
    found = scores["select", "mrr"]
    # 1 + 1/2 + 0 over four answers, over four wanted.
    assert (found.precision.value, found.recall.value) == (pytest.approx(1.5 / 4), pytest.approx(1.5 / 4))
    assert scores["select", "recall@1"].f1.value == pytest.approx(1 / 4)
    assert all(one.low < one.value < one.high for one in (found.precision, found.recall, found.f1))


def test_infrastructure_failures_and_records_without_an_output_or_a_score_are_in_no_figure():
    lost = Output(record="r00000", stage="select", status=Status.INFRASTRUCTURE)
    blocked = Output(record="r00001", stage="select", status=Status.BLOCKED, because=Status.INFRASTRUCTURE)
    whole = evidence(copies=20)
    part = evidence(copies=20, extra={("r00000", "select"): lost, ("r00001", "select"): blocked})
    missing = dict(part.outputs["system", "select"])
    del missing["r00002"]
    outputs = {**part.outputs, ("system", "select"): missing}
    found = gather(CASCADE, part.records, outputs, [x for p in part.labels.values() for x in p.values()], custom={})
    assert pooled(found)["select", "mrr"].wanted == pooled(whole)["select", "mrr"].wanted - 3


def test_a_stage_without_a_mistake_has_an_f1():
    whole = evidence(copies=5)
    right = {
        (record.id, "detect"): Output(
            record=record.id, stage="detect", status=Status.OK, value=ROWS[place % len(ROWS)][0]
        )
        for place, record in enumerate(whole.records)
    }
    perfect = pooled(evidence(copies=5, extra=right))["detect", "accuracy"]
    assert (perfect.precision.value, perfect.recall.value, perfect.f1.value) == (1.0, 1.0, 1.0)
    assert perfect.f1.low == pytest.approx(perfect.precision.low)


def test_a_metric_of_the_users_own_is_pooled_too():
    stages = (
        CASCADE.stages[0],
        Stage(
            name="select", uses="python", inputs={}, output=CASCADE.stages[1].output, metrics=("python:a.py:always",)
        ),
    )
    cascade = Cascade(name="gate", stages=stages, outcome=Outcome(stage="detect", metric="accuracy"))
    whole = evidence(copies=20)
    custom = {"python:a.py:always": lambda value, reference: 1.0}
    labels = [x for people in whole.labels.values() for x in people.values()]
    found = gather(cascade, whole.records, whole.outputs, labels, custom=custom)
    scores = pooled_scores(found, seed=1, custom=custom, resamples=200)
    assert scores[1].precision.value == pytest.approx(0.75)


def test_an_answer_that_no_reference_can_be_compared_with_is_in_no_figure():
    stage = Stage(name="draft", uses="python", inputs={}, output=OutputType(kind=Kind.TEXT), metrics=("fact_recall",))
    cascade = Cascade(name="texts", stages=(stage,), outcome=Outcome(stage="draft", metric="fact_recall"))
    record = planted.records(1)
    outputs = {("system", "draft"): {"r00000": Output(record="r00000", stage="draft", status=Status.OK, value="Hi.")}}
    label = Label(id="1", record="r00000", stage="draft", annotator="x", answer=Answer(value="Hello."))
    [found] = pooled_scores(gather(cascade, record, outputs, [label], custom={}), seed=1, resamples=50)
    assert (found.wanted, found.f1.method) == (0, "not measured: nothing counts in the denominator")


def test_limits_hang_on_no_order_of_records_or_stages():
    """Thirds summed in another order differ in their last digit, and must not be other clusters for that."""
    found = evidence(copies=20)
    rows = tuple(replace(row, cluster=f"c{i // 7}") for i, row in enumerate(found.records))
    first = found.cascade.stages[1]
    again = replace(
        CASCADE, stages=(CASCADE.stages[0], replace(first, metrics=("set_f1", "mrr"), when=None, when_reads=()))
    )
    turned = replace(again, stages=again.stages[::-1])
    turn = np.random.default_rng(0).permutation(len(rows)).tolist()
    views = [
        pooled(replace(found, cascade=of, records=own))
        for of, own in ((again, rows), (turned, rows), (again, tuple(rows[i] for i in turn)))
    ]
    for name, score in views[0].items():
        for other in views[1:]:
            for figure in ("precision", "recall", "f1"):
                mine, theirs = getattr(score, figure), getattr(other[name], figure)
                assert (theirs.low, theirs.high) == pytest.approx((mine.low, mine.high), abs=1e-9)
