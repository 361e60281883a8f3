from __future__ import annotations

import gc
from dataclasses import FrozenInstanceError, dataclass, field

import pytest

from stagegap.model.answer import Output, Status
from stagegap.model.frozen import YOUNG, maker, rare_collections


@dataclass(frozen=True, slots=True)
class Listed:
    parts: list[str] = field(default_factory=list[str])


def test_made_object_is_one_of_its_class_equal_and_frozen() -> None:
    made = maker(Output)(record="r", stage="s", status=Status.OK, value=["p"], repeat=2)
    assert made == Output(record="r", stage="s", status=Status.OK, value=["p"], repeat=2)
    assert type(made) is Output
    with pytest.raises(FrozenInstanceError):
        made.record = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_missing_field_is_refused() -> None:
    with pytest.raises(TypeError, match="record"):
        maker(Output)(stage="s", status=Status.OK)  # pyright: ignore[reportCallIssue]


def test_class_with_a_default_of_its_own_for_each_object_is_refused() -> None:
    with pytest.raises(ValueError, match="Listed is not made of plain values"):
        maker(Listed)


def test_collector_is_as_before_after_work_that_failed() -> None:
    before = gc.get_threshold()
    inside: list[tuple[int, int, int]] = []

    def work() -> None:
        with rare_collections():
            inside.append(gc.get_threshold())
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert inside == [(YOUNG, *before[1:])]
    assert gc.get_threshold() == before


def test_collector_that_is_off_or_rarer_stays_so() -> None:
    before = gc.get_threshold()
    try:
        for rarer in (0, 2 * YOUNG):
            gc.set_threshold(rarer, 10, 10)
            with rare_collections():
                assert gc.get_threshold() == (rarer, 10, 10)
    finally:
        gc.set_threshold(*before)
