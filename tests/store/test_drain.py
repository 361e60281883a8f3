from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from stagegap.model.run import SYSTEM
from stagegap.store import Store, drain
from stagegap.store.journal import FLIPPED
from store.material import RUN, label, output


def flip(folder: Path, seq: int) -> None:
    """Change one bit of an operation behind the store's back."""
    with sqlite3.connect(folder / "journal.sqlite") as db:
        (body,) = db.execute("select body from op where seq = ?", [seq]).fetchall()[0]
        db.execute("update op set body = ? where seq = ?", [bytes([body[0] ^ 1]) + body[1:], seq])
    db.close()


def messages(store: Store, what: str) -> list[str]:
    return [finding.message for finding in store.check() if finding.what == what and not finding.is_good]


def test_poisoned_operation_is_set_aside_after_five_tries_and_the_rest_drains(store: Store) -> None:
    store.append_labels("mail", [label("before")])
    store._journal.append("batch", [("f" * 32, b'{"this is": "no batch"}')])
    store.append_labels("mail", [label("after")])
    store._drainer.drain_all()
    assert [made.id for made in store.labels("mail")] == ["before", "after"]
    assert store.waiting().ops == 1
    assert "operation 2 (batch " in messages(store, "set aside")[0]


def test_batch_of_a_run_that_is_gone_is_kept_in_the_journal(store: Store) -> None:
    store._runs.add("9" * 32)
    store.append_outputs("9" * 32, SYSTEM, [output()])
    store._drainer.drain_all()
    assert "NOT NULL" in messages(store, "set aside")[0]
    assert store._journal.machine_seqs() == [1]


def test_flipped_bit_in_a_waiting_label_never_becomes_a_label(store: Store, folder: Path) -> None:
    store.append_labels("mail", [label("1"), label("2"), label("3")])
    flip(folder, 2)
    assert [made.id for made in store.labels("mail")] == ["1", "3"]
    store._drainer.drain_all()
    assert [made.id for made in store.labels("mail")] == ["1", "3"]
    assert [reason for _, reason in store._journal.aside()] == [FLIPPED]
    assert messages(store, "set aside") == messages(store, "journal") == []
    assert [made.id for made in store.labels("mail")] == ["1", "3", "2"], "it came back from its second copy"


def test_flipped_bit_in_a_drained_label_is_reported_and_the_file_stands(store: Store, folder: Path) -> None:
    store.append_labels("mail", [label("1")])
    store._drainer.drain_all()
    flip(folder, 1)
    assert store.labels("mail") == [label("1")]
    assert messages(store, "journal") == []
    assert store._journal.labels(0)[0].is_whole, "it is written again from the file"


def test_operation_that_was_set_aside_last_does_not_wait_for_ever(store: Store) -> None:
    store._journal.append("batch", [("f" * 32, b"{}")])
    store._journal.set_aside([1], "by hand")
    store._drainer.drain_all()
    store.append_labels("mail", [label()])
    store._drainer.drain_all()
    assert store.waiting().ops == 1


def test_slice_ends_when_its_time_is_over_and_the_next_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "SLICE_S", 0.0)
    monkeypatch.setattr(drain, "GROUP_OPS", 2)
    store.append_labels("mail", [label(str(n)) for n in range(5)])
    assert store._drainer.drain_slice(wait=True)
    assert store.waiting().ops == 3
    store._drainer.drain_all()
    assert [made.id for made in store.labels("mail")] == list("01234")


def test_what_is_left_at_close_is_moved_by_the_next_who_drains(folder: Path, store: Store) -> None:
    store.append_outputs(RUN, SYSTEM, [output()])
    store.close()
    with Store.open(folder):
        pass
    with Store.open(folder, drain=False) as again:
        assert again.waiting().ops == 0
        assert again.outputs(RUN, SYSTEM, "route") == [output()]


@pytest.mark.parametrize(("limit", "size"), [("MOST_BYTES", 1), ("LONGEST_S", 0)])
def test_drain_waits_for_a_pause_in_the_writing_but_not_for_ever(
    store: Store, monkeypatch: pytest.MonkeyPatch, limit: str, size: int
) -> None:
    # A wait for company would outlast the test.
    monkeypatch.setattr(drain, "GATHER_S", 1e6)
    monkeypatch.setattr(drain, limit, 0)
    store._drainer.wake(size)
    store._drainer._gather()
    assert not store._drainer._wake.is_set()


def test_drain_moves_what_is_there_after_a_pause(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "GATHER_S", 0.0)
    store._drainer.wake(1)
    store._drainer._gather()
    assert not store._drainer._wake.is_set()
