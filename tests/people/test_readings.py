"""What holds of readings, what comes next for whom, and what a page may send."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.errors import ConfigurationError
from stagegap.model.notes import Reading
from stagegap.model.record import Json
from stagegap.people.readings import COMMON, Readings, in_force, next_records, reading_event

SAMPLE = [f"m{i}" for i in range(COMMON + 10)]


def read(record: str, who: str = "ab", *, queue: str = "q", stage: str = "") -> Reading:
    verdict = "fail" if stage else "pass"
    return Reading(
        id=f"{record} {who}", record=record, annotator=who, run="k", action="read", verdict=verdict, stage=stage,
        queue=queue,
    )  # fmt: skip


def test_last_event_of_a_person_and_a_record_holds_and_a_correction_keeps_its_place() -> None:
    corrected = read("m1", stage="draft")
    held = in_force(
        [read("m1"), read("m2"), read("m3"), read("m1", "cd"), corrected, replace(read("m2"), action="undo"),
         replace(read("m3"), action="skip")]
    )  # fmt: skip
    assert list(held.by_reader) == [("m1", "ab"), ("m1", "cd")]
    assert held.of("ab") == {"m1": corrected}
    assert list(held.put_off) == [("m3", "ab")]
    assert held.readers == ("ab", "cd")
    assert in_force([replace(read("m3"), action="skip"), read("m3")]).put_off == {}


def test_first_reader_counts_and_what_was_looked_up_stands_apart() -> None:
    held = in_force([read("m1", "cd"), read("m1", "ab", stage="route"), read("m2", queue=""), read("m2", "cd")])
    assert {record: reading.annotator for record, reading in held.first(fair=True).items()} == {"m1": "cd", "m2": "cd"}
    assert {record: reading.annotator for record, reading in held.first(fair=False).items()} == {"m2": "ab"}
    assert {record: len(several) for record, several in held.by_several().items()} == {"m1": 2}


def test_everybody_reads_the_head_and_shares_the_rest() -> None:
    theirs = [read(record, "cd") for record in SAMPLE[: COMMON + 4]]
    order = next_records(SAMPLE, in_force(theirs), "ab")
    assert order == [*SAMPLE[:COMMON], *SAMPLE[COMMON + 4 :], *SAMPLE[COMMON : COMMON + 4]]


def test_what_was_put_off_comes_last() -> None:
    held = in_force([replace(read("m0"), action="skip"), read("m1")])
    assert next_records(SAMPLE[:4], held, "ab") == ["m2", "m3", "m0"]
    assert next_records(SAMPLE[:4], held, "cd") == SAMPLE[:4]


@given(st.lists(st.tuples(st.sampled_from(SAMPLE), st.sampled_from("abc")), max_size=40))
def test_nobody_misses_a_record_or_reads_one_twice(pairs: list[tuple[str, str]]) -> None:
    held = in_force([read(record, who) for record, who in pairs])
    own = {record for record, who in pairs if who == "a"}
    assert sorted(next_records(SAMPLE, held, "a")) == sorted(set(SAMPLE) - own)


def test_empty_readings_hold_nothing() -> None:
    assert in_force([]) == Readings(by_reader={}, put_off={})


def sent(**fields: Json) -> Reading:
    event = {
        "id": "g",
        "action": "read",
        "record": "m1",
        "verdict": "fail",
        "stage": "route",
        "note": " two \n topics ",
    }
    return reading_event(
        {**event, **fields}, stages=("route", "draft"), sample={"m1"}, queue="q", annotator="ab", run="k", at=1.0,
        verified=True,
    )  # fmt: skip


def test_event_of_the_page_becomes_ours() -> None:
    assert sent(active_ms=1200) == Reading(
        id="g", record="m1", annotator="ab", run="k", action="read", verdict="fail", stage="route", note="two topics",
        queue="q", active_ms=1200, at=1.0, verified=True,
    )  # fmt: skip
    assert (sent(verdict="pass").stage, sent(verdict="pass").verdict) == ("", "pass")
    undone = sent(action="undo")
    assert (undone.verdict, undone.stage, undone.note) == ("", "", "")
    assert sent(record="m9").queue == sent(is_offered=False).queue == ""
    assert sent(active_ms=-1).active_ms is sent(active_ms="long").active_ms is None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"id": ""}, "needs an id and a record"),
        ({"record": 3}, "needs an id and a record"),
        ({"action": "burn"}, "read, skipped or taken back, not 'burn'"),
        ({"verdict": "maybe"}, "passes or fails, not 'maybe'"),
        ({"stage": "rout"}, "found 'rout'. Did you mean"),
        ({"stage": None}, "needs the first stage"),
        ({"note": "x" * 501}, "at most 500 characters, not 501"),
    ],
)
def test_event_that_the_page_cannot_have_made_is_refused(fields: dict[str, Json], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        sent(**fields)
