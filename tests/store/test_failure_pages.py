"""The list of failures: filters in SQL, pages by key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stagegap.errors import NotFound
from stagegap.model.notes import Failure, Wanted
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM
from stagegap.store import Store, failure_pages
from store.material import RUN

ONE = Failure(
    stage="route", record="r0", title="mail 0", score=0.25, first_fault=True, inherits=False, disagreed=False, unit="c"
)
ROUTE = Wanted(stage="route")
LIST = [
    replace(ONE, record="r3", groups=("language: de", "channel: web"), win=0.5),  # first: most typical
    replace(ONE, record="r1", first_fault=False, inherits=True, groups=("language: de",)),
    replace(ONE, record="r2", disagreed=True),
    replace(ONE, stage="draft", record="r1"),  # another stage
]


@pytest.fixture
def failing(store: Store) -> Store:
    store.failing.put(RUN, LIST)
    return store


def ids(store: Store, wanted: Wanted) -> list[str]:
    found = store.failing.page(RUN, wanted)
    assert (found.total, found.before, found.next) == (len(found.rows), 0, None)
    return [failure.record for failure in found.rows]


def test_list_comes_back_as_it_was_in_its_order(failing: Store) -> None:
    assert list(failing.failing.page(RUN, ROUTE).rows) == LIST[:3]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (replace(ROUTE, only_first_faults=True), ["r3", "r2"]),
        (replace(ROUTE, only_disagreements=True), ["r2"]),
        (replace(ROUTE, group="language: de"), ["r3", "r1"]),
        (replace(ROUTE, group="language: de", only_first_faults=True), ["r3"]),
        (replace(ROUTE, among=("r2", "r1", "r9")), ["r1", "r2"]),
        (replace(ROUTE, among=()), []),
        (Wanted(stage="nowhere"), []),
    ],
)
def test_every_filter_that_is_set_must_hold(failing: Store, wanted: Wanted, found: list[str]) -> None:
    assert ids(failing, wanted) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ZWEI Fragen", ["r1"]),
        ('"quoted"\nline', ["r1"]),
        ("100%", ["r2"]),  # no wildcards
        ("_", []),
        ("subject", []),  # the name of a field is no text of the record
        ("mail 3", ["r3"]),
        ("changed", []),  # what a record said before is not searched
    ],
)
def test_text_is_searched_in_what_the_records_say(failing: Store, text: str, found: list[str]) -> None:
    failing.put_records("mail", [Record(id="r2", fields={"subject": "changed soon"})])
    failing.put_records(
        "mail",
        [
            Record(id="r1", fields={"subject": 'zwei Fragen, "quoted"\nline', "n": 3}),
            Record(id="r2", fields={"subject": "it is 100% so"}),
        ],
    )
    assert ids(failing, replace(ROUTE, text=text)) == found


def test_pages_follow_each_other_by_key(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure_pages, "PAGE", 2)
    store.failing.put(RUN, [replace(ONE, record=f"r{i}") for i in range(5)])
    first = store.failing.page(RUN, ROUTE)
    assert ([row.record for row in first.rows], first.total, first.before) == (["r0", "r1"], 5, 0)
    assert first.next is not None
    second = store.failing.page(RUN, ROUTE, after=first.next)
    assert ([row.record for row in second.rows], second.total, second.before) == (["r2", "r3"], 5, 2)
    assert second.next is not None
    third = store.failing.page(RUN, ROUTE, after=second.next)
    assert ([row.record for row in third.rows], third.before, third.next) == (["r4"], 4, None)


def test_place_of_a_record_is_found_among_the_wanted_ones(failing: Store) -> None:
    found = failing.failing.place(RUN, ROUTE, "r2")
    assert found is not None
    assert failing.failing.page(RUN, ROUTE, after=found - 1).rows[0].record == "r2"
    assert failing.failing.place(RUN, replace(ROUTE, only_first_faults=True), "r1") is None


def test_new_list_replaces_the_older_one_of_that_run_only(failing: Store) -> None:
    failing.failing.put(RUN, LIST[1:2])
    assert ids(failing, ROUTE) == ["r1"]
    failing.failing.put(RUN, [])
    assert ids(failing, ROUTE) == []
    with pytest.raises(NotFound):
        failing.failing.put("0" * 32, LIST)


def test_record_has_its_faults_and_scores(failing: Store) -> None:
    failing.put_scores(RUN, SYSTEM, {("route", "accuracy"): {"r1": 0.0, "r2": 1.0}})
    failing.put_scores(RUN, SYSTEM, {("draft", "chrf"): {"r1": 0.5}})
    assert {(failure.stage, failure.first_fault) for failure in failing.failing.of_record(RUN, "r1")} == {
        ("route", False),
        ("draft", True),
    }
    assert failing.failing.scores_of(RUN, "r1") == {"route": 0.0, "draft": 0.5}
    assert failing.failing.scores_of(RUN, "r9") == {}


def test_a_long_list_is_stored_in_chunks_and_keeps_its_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stagegap.store.failure_pages.CHUNK", 3)
    store.put_records("mail", [Record(id=f"r{n}", fields={}) for n in range(8)])
    store.failing.put(RUN, [replace(ONE, record=f"r{n}", stage="route" if n % 2 else "draft") for n in range(8)])
    assert ids(store, replace(ROUTE, stage="draft")) == ["r0", "r2", "r4", "r6"]
    assert ids(store, ROUTE) == ["r1", "r3", "r5", "r7"]
