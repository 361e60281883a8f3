"""The curve of escalation, on outputs whose truth is planted."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from stagegap.analysis.escalation import EscalationView, escalation, escalation_pairs
from stagegap.analysis.evidence import Evidence, gather
from stagegap.errors import ConfigurationError
from stagegap.model.answer import Answer, Label, Output, Status
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.record import Record

YES = OutputType(kind=Kind.LABEL, values=("yes", "no"))
STRONG = 0.9
"""Share that the stronger stage gets right, whatever the record."""


def cascade(*, when: str = "confidence.quick < 0.7") -> Cascade:
    def stage(name: str, **more: object) -> Stage:
        source = Source("record", "text")
        return Stage(name=name, uses="python", inputs={"text": source}, output=YES, metrics=("accuracy",), **more)  # type: ignore[arg-type]

    reads = (Source("stage", "quick", "confidence"),)
    return Cascade(
        name="mails",
        stages=(stage("quick"), stage("careful", when=when, when_reads=reads), stage("other")),
        outcome=Outcome(stage="careful", metric="accuracy"),
        noun="mail",
    )


def evidence(n: int, *, asked_below: float = 2.0, price: float | None = 0.01, seed: int = 0) -> Evidence:
    """The quick stage is right as often as it says; the careful one is asked below a confidence."""
    rng = np.random.default_rng(seed)
    sure = rng.uniform(0.3, 1.0, n)
    quick = rng.uniform(size=n) < sure
    careful = rng.uniform(size=n) < STRONG
    records = [Record(id=f"r{i}", fields={}) for i in range(n)]
    outputs = {
        ("system", "quick"): {
            r.id: Output(record=r.id, stage="quick", status=Status.OK, value="yes" if quick[i] else "no",
                         confidence=float(sure[i]), cost=0.001)
            for i, r in enumerate(records)
        },
        ("system", "careful"): {
            r.id: Output(record=r.id, stage="careful", status=Status.OK, cost=price,
                         value="yes" if careful[i] else "no")
            if sure[i] < asked_below
            else Output(record=r.id, stage="careful", status=Status.SKIPPED)
            for i, r in enumerate(records)
        },
    }  # fmt: skip
    labels = [
        Label(id=f"{i:032x}", record=r.id, stage="quick", annotator="ann", answer=Answer(value="yes"))
        for i, r in enumerate(records)
    ]
    return gather(cascade(), records, outputs, labels, custom={}, run="v1")


def test_ends_are_the_two_stages_alone_and_the_steps_add_up() -> None:
    view = escalation(evidence(4_000))
    assert (view.cheap, view.strong, view.metric, view.n, view.now, view.note) == (
        "quick", "careful", "accuracy", 4_000, 1.0, "",
    )  # fmt: skip
    first, last = view.points[0], view.points[-1]
    assert (first.share, first.threshold, last.share) == (0.0, None, 1.0)
    assert len(view.points) == 11
    assert last.score.value == pytest.approx(STRONG, abs=0.02)
    assert sum(point.gain.value for point in view.points[1:]) == pytest.approx(last.score.value - first.score.value)
    assert first.cost.method == "too few: all values are equal, so their spread is unknown"
    assert view.next is None


def test_the_planted_curve_lies_in_the_intervals() -> None:
    view = escalation(evidence(4_000, seed=3))
    missed = 0
    for point in view.points[1:-1]:
        # Confidences are uniform on 0.3 to 1, and right as often as they say.
        truth = point.share * STRONG + (1 - point.share) * (1.0 + (0.3 + 0.7 * point.share)) / 2
        missed += not point.score.low <= truth <= point.score.high
        assert point.cost.value == pytest.approx(0.001 + point.share * 0.01)
    assert missed <= 1


def test_where_the_quick_stage_is_surer_than_the_careful_one_is_good_escalation_loses() -> None:
    view = escalation(evidence(4_000, seed=1))
    assert view.points[1].gain.low > 0
    assert view.points[-1].gain.value < 0.01
    best = max(view.points, key=lambda point: point.score.value)
    assert best.share == pytest.approx((STRONG - 0.3) / 0.7, abs=0.2)


def test_nothing_is_said_beyond_what_was_asked() -> None:
    view = escalation(evidence(1_000, asked_below=0.5))
    assert view.points[-1].share <= view.now == pytest.approx(0.2 / 0.7, abs=0.05)
    assert view.next is None
    assert view.note == (
        f"careful was asked about {view.now:.0%} of the mails, so nothing is known beyond: a run in which it has no"
        " `when` measures the whole curve."
    )


def test_what_ten_percent_more_buys_is_the_step_after_now() -> None:
    whole = escalation(evidence(2_000))
    now = replace(whole, now=0.3)
    assert now.next is not None
    assert now.next.share == pytest.approx(0.4, abs=0.01)
    assert now.next.extra.value == pytest.approx(0.001, rel=0.1)


def test_a_price_that_is_unknown_is_said_and_makes_no_zero() -> None:
    view = escalation(evidence(100, price=None))
    assert view.points[1].cost.method == "not measured: the cost of a call is unknown"
    assert math.isnan(view.points[1].extra.value)
    assert view.points[1].score.is_measured


def test_infrastructure_enters_no_point() -> None:
    found = evidence(50)
    broken = Output(record="r0", stage="careful", status=Status.INFRASTRUCTURE)
    careful = {**found.system("careful"), "r0": broken}
    outputs = {**found.outputs, ("system", "careful"): careful}
    assert escalation(replace(found, outputs=outputs)).n == 49


def test_without_labels_it_says_so() -> None:
    view = escalation(replace(evidence(5), references={}))
    assert (view.points, view.n, view.now) == ((), 0, 0.0)
    assert view.note == "No mail has a reference at quick and a confidence there."


def test_equal_confidences_are_escalated_together() -> None:
    found = evidence(40)
    quick = {key: replace(output, confidence=0.5) for key, output in found.system("quick").items()}
    view: EscalationView = escalation(replace(found, outputs={**found.outputs, ("system", "quick"): quick}))
    assert [point.share for point in view.points] == [0.0, 1.0]


def test_the_pair_is_found_by_the_condition_or_named() -> None:
    assert escalation_pairs(cascade()) == (("quick", "careful"),)
    found = evidence(20)
    assert escalation(found, "quick", "careful").n == 20
    with pytest.raises(ConfigurationError, match=r"The cascade has no stage 'quik'\. Did you mean quick"):
        escalation(found, "quik")
    plain = replace(found.cascade, stages=tuple(replace(s, when=None, when_reads=()) for s in found.cascade.stages))
    with pytest.raises(ConfigurationError, match="no stage whose `when` reads the confidence of another; name"):
        escalation(replace(found, cascade=plain))
