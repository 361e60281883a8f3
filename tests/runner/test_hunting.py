from __future__ import annotations

from typing import Any

import pytest

from stagegap.errors import ConfigurationError
from stagegap.model.answer import Output, Status
from stagegap.model.record import Record
from stagegap.runner.queues import Hunt, picked

RECORDS = {f"r{i}": Record(id=f"r{i}", fields={"language": "de" if i % 2 else "en"}) for i in range(200)}


def outputs(confidence: float | None = 0.5) -> dict[str, dict[str, Output]]:
    return {
        "route": {
            name: Output(
                record=name, stage="route", status=Status.OK, value="spam" if name == "r3" else "orders",
                confidence=None if confidence is None else (0.0 if name < "r2" else confidence),
            )
            for name in RECORDS
        }
    }  # fmt: skip


def test_filter_picks_every_match_with_no_probability_in_random_order() -> None:
    found = picked(Hunt(where='record.language == "de" && route != "spam"'), RECORDS, "route", outputs(), seed=1)
    assert set(found) == {f"r{i}" for i in range(1, 200, 2)} - {"r3"}
    assert set(found.values()) == {None}
    assert list(found) != sorted(found)


def test_filter_may_read_confidence() -> None:
    found = picked(Hunt(where="confidence.route < 0.2"), RECORDS, "route", outputs(), seed=1)
    assert set(found) == {name for name in RECORDS if name < "r2"}


def test_doubt_raises_the_chance_and_the_chance_is_known() -> None:
    sizes = [len(picked(Hunt(unsure=40), RECORDS, "route", outputs(0.9), seed=seed)) for seed in range(60)]
    assert sum(sizes) / 60 == pytest.approx(40, abs=3)
    found = picked(Hunt(unsure=40), RECORDS, "route", outputs(0.9), seed=1)
    chances = {name < "r2": chance for name, chance in found.items()}
    near, far = chances[True], chances[False]
    assert near is not None
    assert far is not None
    assert near / far == pytest.approx(1.01 / 0.11)


@pytest.mark.parametrize(
    ("hunt", "confidence", "message"),
    [
        (Hunt(where='record.language == "fr"'), 0.5, "finds none of 200 records"),
        (Hunt(where="record.language =="), 0.5, "The hunt can't be made. 'record.language ==' is no condition"),
        (Hunt(where="record.age > 3"), 0.5, "record.age is missing"),
        (Hunt(unsure=5), None, "Stage 'route' gives no confidence to hunt by"),
    ],
)
def test_hunt_that_finds_nothing_or_cannot_be_made_says_so(hunt: Hunt, confidence: float | None, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        picked(hunt, RECORDS, "route", outputs(confidence), seed=1)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [({}, "one of the two"), ({"where": "true", "unsure": 3}, "one of the two"), ({"unsure": 0}, "at least 1 record")],
)
def test_hunt_is_for_one_thing(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Hunt(**fields)
