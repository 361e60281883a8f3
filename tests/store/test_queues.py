from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from stagegap.errors import NotFound, StoreError
from stagegap.model.answer import Answer, Label
from stagegap.model.notes import Seen
from stagegap.model.queue import Progress, Queue, QueueItem
from stagegap.people.disagreements import digest
from stagegap.store import Store
from store.material import label

QUEUE = Queue(id="q", cascade="mail", stage="route", purpose="random", created_at=3.5, form='{"kind":"label"}',
              question="Which?", guideline="Be kind.", seed=7)  # fmt: skip
ITEMS = [QueueItem(position=n, record=f"r{3 - n}", payload=f'{{"subject":"{n}"}}', probability=0.5) for n in range(4)]


@pytest.fixture
def queued(store: Store) -> Store:
    store.create_queue(QUEUE, ITEMS)
    return store


def act(key: str, record: str, action: str = "label", annotator: str = "ann", ms: int | None = None) -> Label:
    answer = label().answer if action == "label" else None
    return label(key, record=record, action=action, annotator=annotator, answer=answer, active_ms=ms, queue="q")


def places(store: Store, annotator: str = "ann", limit: int = 9) -> list[int]:
    return [item.position for item in store.queue_items("q", annotator, limit)]


def test_queue_and_its_items_come_back_as_they_were(queued: Store) -> None:
    assert queued.queues("mail") == queued.queues("mail", "route") == [QUEUE]
    assert queued.queues("mail", "draft") == queued.queues("chat") == []
    assert queued.queue_items("q", "ann", 9) == ITEMS
    assert queued.queue_items("q", "ann", 2) == ITEMS[:2]


@pytest.mark.parametrize("drained", [True, False])
def test_labelled_items_leave_the_queue_and_skipped_ones_come_last_per_person(queued: Store, drained: bool) -> None:
    queued.append_labels("mail", [act("1", "r3", "skip"), act("2", "r2", ms=100), act("3", "r1", ms=300)])
    if drained:
        queued._drainer.drain_all()
    assert places(queued) == [3, 0]
    assert places(queued, "bo") == [0, 1, 2, 3]
    assert queued.sitting("q", "ann", 0).progress == Progress(done=2, skipped=1, total=4, median_ms=200)
    assert queued.sitting("q", "ann", 0).progress.left == 1
    assert queued.sitting("q", "bo", 0).progress == Progress(done=0, skipped=0, total=4, median_ms=None)


def test_latest_action_counts_over_file_and_tail_and_undo_reopens(queued: Store) -> None:
    queued.append_labels("mail", [act("1", "r3", "skip"), act("2", "r2")])
    queued._drainer.drain_all()
    queued.append_labels("mail", [act("3", "r3"), act("4", "r2", "undo")])
    assert places(queued) == [1, 2, 3]
    assert queued.sitting("q", "ann", 0).progress.done == 1


def test_last_label_is_what_is_not_undone_yet(queued: Store) -> None:
    assert queued.sitting("q", "ann", 0).last is None
    first, second = act("1", "r3"), act("2", "r2", "skip")
    queued.append_labels("mail", [first, second])
    assert queued.sitting("q", "ann", 0).last == (ITEMS[1], second)
    queued.append_labels("mail", [act("3", "r2", "undo")])
    assert queued.sitting("q", "ann", 0).last == (ITEMS[0], first)


def test_label_made_elsewhere_answers_the_item_and_undo_does_not_reach_it(queued: Store) -> None:
    queued.append_labels("mail", [label(record="r3"), act("9", "r9")])
    assert places(queued) == [1, 2, 3]
    assert queued.sitting("q", "ann", 0).progress.done == 1
    assert queued.sitting("q", "ann", 0).last is None


def test_skip_made_elsewhere_leaves_the_item_open(queued: Store) -> None:
    queued.append_labels("mail", [label(record="r3", action="skip", answer=None)])
    assert places(queued) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("purpose", "elsewhere", "left", "why"),
    [
        ("random", {"targeted": True}, 4, "a fair sample must not lack what was hunted for"),
        ("overlap", {"queue": "random"}, 3, "the same record at the same stage is not asked twice"),
        ("hunting", {"targeted": True}, 3, "a hunt asks for no record twice"),
        ("swap", {}, 4, "a swap asks about the inputs of its own run"),
    ],
)
def test_which_labels_of_other_queues_answer_an_item(
    store: Store, purpose: str, elsewhere: dict[str, Any], left: int, why: str
) -> None:
    store.create_queue(replace(QUEUE, purpose=purpose), ITEMS)
    store.append_labels("mail", [label(record="r3", **elsewhere)])
    assert len(places(store)) == left, why


def test_overlap_is_the_same_records_in_each_persons_own_order(store: Store) -> None:
    items = [QueueItem(position=n, record=f"r{n}", payload="{}") for n in range(30)]
    store.create_queue(replace(QUEUE, purpose="overlap"), items)
    orders = {who: places(store, who, 99) for who in ("ann", "bo")}
    assert sorted(orders["ann"]) == sorted(orders["bo"]) == list(range(30))
    assert orders["ann"] != orders["bo"] != list(range(30))
    assert places(store, "ann", 99) == orders["ann"]


def test_record_whose_answers_were_seen_or_settled_is_not_offered(queued: Store) -> None:
    queued.append_labels("mail", [act("1", "r3", "skip"), label("2", record="r2", action="adjudicate")])
    queued.failing.append_seen("mail", Seen(id="s", record="r3", annotator="ann", at=1.0))
    assert places(queued) == [2, 3]
    assert queued.sitting("q", "ann", 0).progress == Progress(done=0, skipped=0, total=2, median_ms=None)
    assert places(queued, "bo") == [0, 1, 2, 3]


def test_further_fields_of_a_queue_come_back(store: Store) -> None:
    queue = replace(QUEUE, purpose="hunting", run="r" * 32, drawn="record.a == 1", warmup='[{"a": 1}]')
    store.create_queue(queue, ITEMS)
    assert store.queues("mail") == [queue]


def test_queue_may_hold_a_record_that_comes_later(store: Store) -> None:
    store.create_queue(QUEUE, [QueueItem(position=0, record="later", payload="{}")])
    assert [item.record for item in store.queue_items("q", "ann", 1)] == ["later"]


def test_taken_id_and_unknown_queue_are_named(queued: Store) -> None:
    with pytest.raises(StoreError, match="already a queue 'q'"):
        queued.create_queue(QUEUE, [])
    with pytest.raises(NotFound, match="no queue 'x'"):
        queued.sitting("x", "ann", 0)


def test_items_of_chosen_records_are_given_without_strangers(queued: Store) -> None:
    assert {item.record for item in queued.queue_items_of("q", ["r2", "r0", "nobody"])} == {"r0", "r2"}


@pytest.mark.parametrize("drained", [True, False])
def test_record_whose_answer_a_later_stage_showed_is_not_offered(queued: Store, drained: bool) -> None:
    made = [label("1", record="r3", stage="draft", run="v"), label("2", record="r2", stage="draft"),
            label("3", record="r1", stage="other", run="v"), label("4", record="r0", stage="draft", run="v"),
            label("5", record="r0")]  # fmt: skip
    queued.append_labels("mail", made)
    if drained:
        queued._drainer.drain_all()
    offered = [item.record for item in queued.sitting("q", "ann", 9, ["draft"]).items]
    assert offered == ["r2", "r1"], "r3 was shown, r0 answered; r2 came from a file, `other` does not read"
    assert len(queued.sitting("q", "bo", 9, ["draft"]).items) == 4
    assert queued.sitting("q", "ann", 0, ["draft"]).progress.total == 3, "what was answered before counts"


@pytest.mark.parametrize(
    ("said", "offered", "why"),
    [
        ("spam", 1, "the answer that somebody else gave is also their own"),
        ("ham", 1, "they said what the system says"),
        ("other", 2, "an answer that is not judged"),
    ],
)
def test_nobody_judges_an_answer_that_is_also_their_own(store: Store, said: str, offered: int, why: str) -> None:
    both = json.dumps([digest(Answer(value=value)) for value in ("ham", "spam")])
    sealed = f'{{"a":"system","b":"person","author":"bo","answers":{both}}}'
    items = [QueueItem(position=n, record=f"r{n}", payload="{}", sealed=sealed) for n in range(2)]
    store.create_queue(replace(QUEUE, purpose="judge"), items)
    taken_back = [label("1", record="r1", answer=Answer(value="ham")), act("2", "r1", "undo")]
    store.append_labels("mail", [*taken_back, label("3", record="r0", answer=Answer(value=said))])
    assert len(places(store)) == offered, why
    assert places(store, "bo") == []
