"""Events of tags: only ever added, in order, readable at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stagegap.model.notes import TagEvent
from stagegap.store import Store

ADD = TagEvent(
    id="t1", stage="route", annotator="ab", action="add", tag="two topics", record="r0", at=2.5, run="v1", verified=True
)
RENAME = TagEvent(id="t2", stage="route", annotator="ab", action="rename", tag="two topics", into="2 topics")


def test_events_come_back_in_order_before_and_after_the_drain(store: Store) -> None:
    store.failing.append_tags("mail", [ADD, RENAME])
    assert store.failing.tags("mail", stage="route", annotator="ab") == [ADD, RENAME]
    store._drainer.drain_all()
    late = replace(ADD, id="t0", record="unknown so far")
    store.failing.append_tags("mail", [late])
    assert store.failing.tags("mail", stage="route", annotator="ab") == [ADD, RENAME, late]
    store._drainer.drain_all()
    assert store.failing.tags("mail", stage="route", annotator="ab") == [ADD, RENAME, late]


def test_tags_belong_to_a_person_and_a_stage(store: Store) -> None:
    store.failing.append_tags("mail", [ADD])
    for _ in range(2):
        assert store.failing.tags("mail", stage="draft", annotator="ab") == []
        assert store.failing.tags("mail", stage="route", annotator="cd") == []
        assert store.failing.tags("other", stage="route", annotator="ab") == []
        store._drainer.drain_all()


def test_tag_may_name_a_stage_and_a_cascade_that_are_new(store: Store) -> None:
    store.failing.append_tags("new", [replace(ADD, stage="first")])
    store._drainer.drain_all()
    assert [e.record for e in store.failing.tags("new", stage="first", annotator="ab")] == ["r0"]


def test_same_event_twice_is_one_and_none_is_nothing(store: Store) -> None:
    store.failing.append_tags("mail", [])
    for _ in range(2):
        store.failing.append_tags("mail", [ADD])
    assert store.failing.tags("mail", stage="route", annotator="ab") == [ADD]


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (replace(ADD, id=""), "needs an id and the tag"),
        (replace(ADD, tag=""), "needs an id and the tag"),
        (replace(ADD, at=float("inf")), "no time"),
    ],
)
def test_event_that_says_nothing_is_refused(store: Store, made: TagEvent, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        store.failing.append_tags("mail", [made])
