from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, field

import pytest

from stagegap.model.answer import Output, Status
from stagegap.model.making import maker


@dataclass(frozen=True, slots=True)
class Listed:
    name: str
    parts: list[str] = field(default_factory=list[str])


def test_made_object_is_one_of_its_class_equal_and_frozen() -> None:
    made = maker(Output)(record="r", stage="s", status=Status.OK, value=["p"], repeat=2)
    assert made == Output(record="r", stage="s", status=Status.OK, value=["p"], repeat=2)
    assert type(made) is Output
    with pytest.raises(FrozenInstanceError):
        made.record = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_each_made_object_has_defaults_of_its_own() -> None:
    make = maker(Listed)
    assert make("a") == Listed("a")
    assert make("a").parts is not make("a").parts


def test_missing_field_is_refused() -> None:
    with pytest.raises(TypeError, match="name"):
        maker(Listed)()  # pyright: ignore[reportCallIssue]
