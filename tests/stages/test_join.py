from __future__ import annotations

from pathlib import Path

import pytest

from stagegap.model.answer import Status
from stagegap.model.cascade import Kind, OutputType, Source, Stage
from stagegap.model.record import Json
from stagegap.stages import Reply, build
from stagegap.stages.protocol import BatchStage


def joined(units: Json, by: str, **settings: Json) -> Reply:
    stage = Stage(
        name="join",
        uses="join",
        inputs={"units": Source("stage", "check")},
        output=OutputType(kind=Kind.NUMBER if by == "mean" else Kind.BOOLEAN),
        metrics=("exact",),
        parameters={"by": by, **settings},
    )
    code = build(stage, folder=Path(), corpora={}, environment={})
    assert isinstance(code, BatchStage)
    assert not code.reads_record
    return code.answer_batch([{"units": units}])[0]


@pytest.mark.parametrize(
    ("units", "by", "value"),
    [
        ([True, True], "all", True),
        ([True, False], "all", False),
        ([], "all", True),
        ([True, None], "all", True),
        ([False, True], "any", True),
        ([None], "any", False),
        ([1, 2, None], "mean", 1.5),
        ([True, False], "mean", 0.5),
    ],
)
def test_units_are_joined_without_those_that_were_skipped(units: Json, by: str, value: Json) -> None:
    assert joined(units, by).value == value


def test_labels_are_joined_by_the_values_that_hold() -> None:
    assert joined(["yes", "partly"], "all", holds=["yes", "partly"]).value is True
    assert joined(["yes", "no", "no"], "mean", holds="yes").value == pytest.approx(1 / 3)


@pytest.mark.parametrize(("units", "by"), [(None, "all"), ([], "mean"), ([None], "mean")])
def test_nothing_to_join_is_no_answer(units: Json, by: str) -> None:
    assert joined(units, by).status is Status.SKIPPED


def test_what_cannot_be_joined_is_said_and_becomes_no_number() -> None:
    assert joined("text", "all").error == "a list was expected, found 'text'"
    assert joined(["yes"], "all").error == "a unit is 'yes', and not true or false"
    assert joined([1], "any").status is Status.UNPARSABLE
    assert joined(["yes"], "mean").error == "a unit is 'yes', and not a number"


def test_another_way_to_join_is_another_call() -> None:
    stage = Stage(
        name="join", uses="join", inputs={"units": Source("stage", "check")}, metrics=("exact",),
        output=OutputType(kind=Kind.BOOLEAN), parameters={"by": "all"},
    )  # fmt: skip
    others = [{"by": "any"}, {"by": "all", "holds": "yes"}]
    prints = {
        build(
            Stage(name="join", uses="join", inputs=stage.inputs, metrics=("exact",), output=stage.output, parameters=p),
            folder=Path(), corpora={}, environment={},
        ).fingerprint
        for p in (stage.parameters, *others)
    }  # fmt: skip
    assert len(prints) == 3
