from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from stagegap.errors import StoreDamaged, StoreError
from stagegap.store.journal import TRIES, Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite", app_version="1.2", clock=lambda: 7.25)
    yield opened
    opened.close()


def ids(journal: Journal, after: int = 0) -> list[str]:
    return [op.id for op in journal.after(after, size=1000, count=100)]


def test_operations_come_in_order_and_an_id_counts_once(journal: Journal) -> None:
    journal.append("batch", [("a", b"1"), ("b", b"2")])
    journal.append("label", [("a", b"other"), ("c", b"3")])
    assert ids(journal) == ["a", "b", "c"]
    first = journal.after(0, size=1, count=1)[0]
    assert (first.body, first.kind, first.ts, first.is_whole) == (b"1", "batch", 7.25, True)


def test_groups_are_limited_by_size_but_hold_at_least_one(journal: Journal) -> None:
    journal.append("batch", [(name, b"x" * 40) for name in "abcd"])
    assert [op.id for op in journal.after(0, size=90, count=9)] == ["a", "b"]
    assert [op.id for op in journal.after(0, size=1, count=9)] == ["a"]
    assert [op.id for op in journal.after(0, size=900, count=3)] == ["a", "b", "c"]


def test_labels_stay_and_applied_batches_leave(journal: Journal) -> None:
    journal.append("batch", [("a", b"1")])
    journal.append("label", [("b", b"2")])
    journal.append("batch", [("c", b"3")])
    journal.discard(2)
    assert ids(journal) == ["b", "c"]
    assert [op.id for op in journal.labels(0)] == ["b"]
    assert journal.labels(2) == []
    assert journal.waiting(2) == (1, 7.25)
    assert journal.waiting(3) == (0, None)


def test_numbers_are_never_given_again(journal: Journal) -> None:
    journal.append("batch", [("a", b"1")])
    journal.discard(1)
    journal.append("batch", [("b", b"2")])
    assert journal.last() == 2
    journal.start_after(40)
    journal.start_after(4)
    journal.append("batch", [("c", b"3")])
    assert journal.last() == 41


def test_new_journal_can_start_above_a_number(journal: Journal) -> None:
    journal.start_after(40)
    journal.append("batch", [("a", b"1")])
    assert journal.last() == 41


def test_operation_that_keeps_failing_is_set_aside_and_can_be_tried_again(journal: Journal) -> None:
    journal.append("label", [("a", b"1"), ("b", b"2")])
    assert [journal.failed(1, f"no {n}") for n in range(TRIES)] == [False] * (TRIES - 1) + [True]
    assert ids(journal) == ["b"]
    assert [(op.id, why) for op, why in journal.aside()] == [("a", f"no {TRIES - 1}")]
    assert [op.id for op in journal.labels(2)] == ["a"]
    journal.retry()
    assert ids(journal) == ["a", "b"]


def test_every_flipped_bit_of_an_operation_is_seen(journal: Journal) -> None:
    journal.append("label", [("a", b"\x00" * 8)])
    for bit in range(64):
        body = (1 << bit).to_bytes(8, "big")
        with sqlite3.connect(journal.path) as db:
            db.execute("update op set body = ?", [body])
        db.close()
        assert not journal.after(0, size=9, count=9)[0].is_whole


@pytest.mark.parametrize("change", ["op_id = 'z'", "kind = 'batch'", "ts = 8", "body = 'text'", "crc32 = crc32 + 1"])
def test_change_in_any_column_is_seen(journal: Journal, change: str) -> None:
    journal.append("label", [("a", b"text")])
    with sqlite3.connect(journal.path) as db:
        db.execute(f"update op set {change}")
    db.close()
    assert [op.is_whole for op in journal.all_ops()] == [False]


def test_all_operations_are_gone_through_in_pages(journal: Journal) -> None:
    journal.append("label", [(str(n), b"x") for n in range(150)])
    assert [op.seq for op in journal.all_ops()] == list(range(1, 151))


def test_file_is_readable_by_its_owner_only(journal: Journal) -> None:
    assert journal.path.stat().st_mode & 0o777 == 0o600


def test_deleted_journal_takes_nothing_in_and_says_so(journal: Journal) -> None:
    journal.path.unlink()
    with pytest.raises(StoreDamaged, match="deleted or replaced"):
        journal.append("label", [("a", b"1")])


def test_replaced_journal_takes_nothing_in_and_says_so(journal: Journal) -> None:
    copy = journal.path.with_name("copy")
    copy.write_bytes(b"")
    copy.replace(journal.path)
    with pytest.raises(StoreDamaged, match="deleted or replaced"):
        journal.append("label", [("a", b"1")])


def test_journal_that_other_code_closed_is_not_called_damaged(journal: Journal) -> None:
    journal._db.close()
    with pytest.raises(StoreError, match="was closed while the program worked with it, as code of a stage can") as told:
        journal.append("label", [("a", b"1")])
    assert not isinstance(told.value, StoreDamaged)


def test_full_disk_is_told_at_once_and_nothing_is_acknowledged(journal: Journal) -> None:
    journal.append("batch", [("a", b"1")])
    pages = journal._db.execute("pragma page_count").fetchall()[0][0]
    journal._db.execute(f"pragma max_page_count = {pages + 1}")
    with pytest.raises(StoreError, match="database or disk is full"):
        journal.append("batch", [("b", b"x" * 100_000)])
    journal._db.execute("pragma max_page_count = 100000")
    journal.append("batch", [("c", b"3")])
    assert ids(journal) == ["a", "c"]


@pytest.mark.parametrize(
    "content", [b"hello, this is a text and no database" * 90, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_foreign_file_in_the_journals_place_is_named_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreDamaged, match=r"journal\.sqlite is damaged or no journal"):
        Journal(path, app_version="1", clock=lambda: 0.0)
    assert path.read_bytes() == content
