from __future__ import annotations

import math
from pathlib import Path

import pytest

from stagegap.model.answer import Answer, Fact
from stagegap.store import Store
from store.material import label

FULL = label(
    answer=Answer(value=["p1", None], facts=(Fact(("10 days", "ten days")), Fact(("refund",)))),
    active_ms=4200,
    unsure=True,
    odd=True,
    note="see é \0",
    guideline="g" * 8,
    form="f",
    seen="s",
    queue="q",
    probability=0.25,
    verified=True,
    targeted=True,
    run="5" * 32,
    also=(Answer(value=None), Answer(value=["p2"], facts=(Fact(("ten", "10")),))),
    reason="slip",
    cites="Two topics: choose the one that is more urgent.",
)
OLDER = (
    b'{"cascade":"mail","id":"l0","record":"r0","stage":"route","annotator":"ann","action":"label","at":12.5,'
    b'"value":"\\"spam\\"","facts":null,"active_ms":null,"unsure":false,"odd":false,"note":"","guideline":"",'
    b'"form":"","seen":"","queue":"","probability":null,"verified":false}'
)
"""What the first release wrote into the journal."""


@pytest.mark.parametrize(
    "made",
    [
        FULL,
        label(answer=Answer(value=None)),
        label(answer=None, action="skip"),
        label(answer=None, action="undo"),
        label(answer=Answer(value=2.5)),
    ],
)
def test_label_comes_back_as_it_was_before_and_after_the_drain(store: Store, made) -> None:
    store.append_labels("mail", [made])
    assert store.labels("mail") == [made]
    store._drainer.drain_all()
    assert store.labels("mail") == [made]
    assert store.waiting().ops == 0


def test_label_that_the_first_release_wrote_into_the_journal_is_read_before_and_after_the_drain(store: Store) -> None:
    store._journal.append("label", [("l0", OLDER)])
    assert store.labels("mail") == [label()]
    store._drainer.drain_all()
    assert store.labels("mail") == [label()]


def test_labels_come_in_the_order_in_which_they_were_written_over_file_and_tail(store: Store) -> None:
    store.append_labels("mail", [label("b"), label("a")])
    store._drainer.drain_all()
    store.append_labels("mail", [label("0")])
    assert [made.id for made in store.labels("mail")] == ["b", "a", "0"]
    assert store.label_count("mail") == 3


@pytest.mark.parametrize("drained", [True, False])
def test_labels_are_chosen_by_cascade_stage_and_annotator(store: Store, drained: bool) -> None:
    store.append_labels("mail", [label("1"), label("2", stage="draft"), label("3", annotator="bo")])
    store.append_labels("other", [label("4")])
    if drained:
        store._drainer.drain_all()
    assert [made.id for made in store.labels("mail", stage="route")] == ["1", "3"]
    assert [made.id for made in store.labels("mail", stage="route", annotator="bo")] == ["3"]
    assert [made.id for made in store.labels("other")] == ["4"]
    assert [store.label_count(name) for name in ("mail", "other", "nobody")] == [3, 1, 0]


def test_same_id_is_one_label_and_the_first_one_stands(store: Store) -> None:
    store.append_labels("mail", [label(), label(active_ms=2)])
    store._drainer.drain_all()
    store.append_labels("mail", [label(at=2.0)])
    assert store.labels("mail") == [label()]


def test_labels_of_one_call_are_stored_all_or_none(store: Store) -> None:
    with pytest.raises(ValueError, match="no number"):
        store.append_labels("mail", [label("1"), label("2", answer=Answer(value=math.nan))])
    assert store.labels("mail") == []


@pytest.mark.parametrize("fields", [{"at": math.nan}, {"probability": math.inf}, {"id": ""}])
def test_odd_labels_are_refused(store: Store, fields: dict) -> None:
    key = fields.pop("id", "l0")
    with pytest.raises(ValueError, match="label"):
        store.append_labels("mail", [label(key, **fields)])


def test_no_labels_are_no_operation(store: Store) -> None:
    store.append_labels("mail", [])
    assert store.waiting().ops == 0


def test_label_with_lone_surrogates_can_be_found_again(store: Store) -> None:
    store.append_labels("mail", [label(annotator="a\ud800", note="\udfff")])
    assert [made.note for made in store.labels("mail", annotator="a\ud800")] == ["\\udfff"]


def test_another_process_front_sees_a_label_at_once(store: Store, folder: Path) -> None:
    with Store.open(folder, drain=False) as other:
        store.append_labels("mail", [label()])
        assert other.labels("mail") == [label()]
