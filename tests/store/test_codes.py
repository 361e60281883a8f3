"""Events of codes: only ever added, in order, readable at once; those of the first version among them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from stagegap.model.notes import CodeEvent
from stagegap.store import Store
from stagegap.store.events import CODES

ADD = CodeEvent(
    id="t1", stage="route", annotator="ab", action="add", tag="two topics", record="r0", at=2.5, run="v1", verified=True
)
RENAME = CodeEvent(id="t2", stage="route", annotator="ab", action="rename", tag="two topics", into="2 topics")


def test_events_come_back_in_order_before_and_after_the_drain(store: Store) -> None:
    store.failing.append_codes("mail", [ADD, RENAME])
    assert store.failing.codes("mail") == [ADD, RENAME]
    store._drainer.drain_all()
    late = replace(ADD, id="t0", record="unknown so far")
    store.failing.append_codes("mail", [late])
    assert store.failing.codes("mail") == [ADD, RENAME, late]
    store._drainer.drain_all()
    assert store.failing.codes("mail") == [ADD, RENAME, late]


DEFINE = CodeEvent(
    id="t3", stage="", annotator="cd", action="define", tag="2 topics", definition="Two requests in one mail.",
    example="m0012", severity="major", cost="2 days",
)  # fmt: skip


def test_codes_belong_to_a_cascade_and_a_change_of_the_book_to_no_stage(store: Store) -> None:
    store.failing.append_codes("mail", [ADD, DEFINE])
    for _ in range(2):
        assert store.failing.codes("other") == []
        assert store.failing.codes("mail") == [ADD, DEFINE]
        store._drainer.drain_all()
    with store._file.reading() as session:
        assert session.rows("select name from stage where name = ''") == []


def test_event_that_the_first_version_wrote_is_read_before_and_after_the_drain(store: Store) -> None:
    op_id, body = CODES.pack("mail", ADD)
    fields = {name: value for name, value in json.loads(body).items() if name not in CODES.since_then}
    store._journal.append("tag", [(op_id, json.dumps(fields).encode())])
    for _ in range(2):
        assert store.failing.codes("mail") == [ADD]
        store._drainer.drain_all()


def test_tag_may_name_a_stage_and_a_cascade_that_are_new(store: Store) -> None:
    store.failing.append_codes("new", [replace(ADD, stage="first")])
    store._drainer.drain_all()
    assert [e.record for e in store.failing.codes("new")] == ["r0"]


def test_same_event_twice_is_one_and_none_is_nothing(store: Store) -> None:
    store.failing.append_codes("mail", [])
    for _ in range(2):
        store.failing.append_codes("mail", [ADD])
    assert store.failing.codes("mail") == [ADD]


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (replace(ADD, id=""), "needs an id and the code"),
        (replace(ADD, tag=""), "needs an id and the code"),
        (replace(ADD, at=float("inf")), "no number"),
    ],
)
def test_event_that_says_nothing_is_refused(store: Store, made: CodeEvent, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        store.failing.append_codes("mail", [made])
