from __future__ import annotations

import math

import pytest

from stagegap.metrics import label_as_output, metric, score
from stagegap.model.answer import Answer, Label, Output, Reference, Status
from stagegap.model.record import Json

ACCURACY = metric("accuracy")


def output(status: Status = Status.OK, value: Json = None, because: Status | None = None) -> Output:
    return Output(record="r", stage="s", status=status, value=value, because=because)


def reference(*values: Json) -> Reference:
    return Reference(record="r", stage="s", accepted=tuple(Answer(value=value) for value in values))


INFRA, BLOCKED, SKIPPED = Status.INFRASTRUCTURE, Status.BLOCKED, Status.SKIPPED


@pytest.mark.parametrize(
    ("given", "wanted", "why"),
    [
        (output(value="a"), 1.0, "right"),
        (output(value="b"), 1.0, "the second accepted answer will do"),
        (output(value="c"), 0.0, "wrong"),
        (output(Status.REPAIRED, "a"), 1.0, "a mended answer counts by its value"),
        (output(Status.UNPARSABLE), 0.0, "unparsable is a failure of the stage"),
        (output(Status.REFUSED), 0.0, "refused is a failure of the stage"),
        (output(BLOCKED, because=Status.REFUSED), 0.0, "blocked by a failure is a failure"),
        (output(SKIPPED), 0.0, "skipped although an answer was wanted"),
        (output(value=None), 0.0, "silent although an answer was wanted"),
        (output(INFRA), math.nan, "infrastructure is in no rate"),
        (output(BLOCKED, because=INFRA), math.nan, "blocked by infrastructure is in no rate"),
    ],
)
def test_an_output_against_answers(given: Output, wanted: float, why: str):
    assert score(given, reference("a", "b"), ACCURACY) == pytest.approx(wanted, nan_ok=True), why


@pytest.mark.parametrize(
    ("given", "wanted", "why"),
    [
        (output(SKIPPED), 1.0, "rightly silent"),
        (output(value=None), 1.0, "a null value is silence"),
        (output(BLOCKED, because=SKIPPED), 1.0, "silent because the stage before was"),
        (output(value="a"), 0.0, "an answer where none was right"),
        (output(Status.UNPARSABLE), 0.0, "a crash is not a choice"),
    ],
)
def test_an_output_where_no_answer_is_right(given: Output, wanted: float, why: str):
    assert score(given, reference(None), ACCURACY) == wanted, why


def test_silence_is_right_when_it_is_among_the_accepted_answers():
    assert score(output(SKIPPED), reference("a", None), ACCURACY) == 1.0
    assert score(output(value="a"), reference("a", None), ACCURACY) == 1.0


def test_a_reference_that_accepts_nothing_scores_nothing():
    assert math.isnan(score(output(value="a"), reference(), ACCURACY))


def test_a_reference_text_without_facts_can_not_measure_fact_recall():
    assert math.isnan(score(output(value="text"), reference("other text"), metric("fact_recall")))


def test_a_person_is_scored_by_the_same_code():
    given = Label(id="1", record="r", stage="s", annotator="ann", answer=Answer(value="a"))
    assert score(label_as_output(given), reference("a"), ACCURACY) == 1.0
    silent = Label(id="2", record="r", stage="s", annotator="ann", answer=Answer(value=None))
    assert score(label_as_output(silent), reference(None), ACCURACY) == 1.0


def test_a_skip_of_a_person_holds_no_answer():
    skip = Label(id="3", record="r", stage="s", annotator="ann", answer=None, action="skip")
    with pytest.raises(ValueError, match="the skip '3' holds no answer"):
        label_as_output(skip)
