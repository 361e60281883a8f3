"""Who saw what: kept for ever, readable at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from stagegap.model.notes import Seen
from stagegap.store import Store

LOOK = Seen(id="s1", record="r0", annotator="ab", at=3.5, run="v1")


def test_record_counts_as_seen_before_and_after_the_drain(store: Store) -> None:
    store.failing.append_seen("mail", LOOK)
    assert store.failing.seen("mail", "ab") == {"r0"}
    store._drainer.drain_all()
    assert store.failing.seen("mail", "ab") == {"r0"}
    assert store.waiting().ops == 0


def test_seen_is_a_matter_of_one_person_in_one_cascade(store: Store) -> None:
    store.failing.append_seen("mail", LOOK)
    for _ in range(2):
        assert store.failing.seen("mail", "cd") == set()
        assert store.failing.seen("other", "ab") == set()
        store._drainer.drain_all()


def test_same_event_twice_is_one(store: Store) -> None:
    store.failing.append_seen("mail", LOOK)
    store._drainer.drain_all()
    store.failing.append_seen("mail", LOOK)
    store._drainer.drain_all()
    with store._file.reading() as session:
        assert session.rows("select count(*) from seen")[0][0] == 1


@pytest.mark.parametrize("made", [Seen(id="", record="r0", annotator="ab"), Seen(id="s", record="", annotator="ab")])
def test_event_without_id_or_record_is_refused(store: Store, made: Seen) -> None:
    with pytest.raises(ValueError, match="needs an id and the record"):
        store.failing.append_seen("mail", made)


def test_time_that_is_no_number_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="no number"):
        store.failing.append_seen("mail", Seen(id="s", record="r0", annotator="ab", at=float("nan")))


def test_what_was_seen_and_tagged_survives_a_lost_journal_and_a_lost_file(store: Store, folder: Path) -> None:
    from store.test_codes import ADD

    store.failing.append_seen("mail", LOOK)
    store.failing.append_codes("mail", [ADD])
    store._drainer.drain_all()
    store.close()
    (folder / "journal.sqlite").unlink()
    with Store.open(folder, drain=False) as opened:
        assert opened.failing.seen("mail", "ab") == {"r0"}
        opened.rebuild()
        (folder / "store.duckdb").write_bytes(b"not a database")
        rebuilt = opened.rebuild()
        assert rebuilt.lost
        assert opened.failing.seen("mail", "ab") == {"r0"}
        assert opened.failing.codes("mail") == [ADD]


@pytest.mark.parametrize("drained", [True, False])
def test_looks_come_back_as_they_were_for_one_record_or_all(store: Store, drained: bool) -> None:
    other = Seen(id="s2", record="r1", annotator="cd", at=4.0)
    for look in (LOOK, other):
        store.failing.append_seen("mail", look)
    if drained:
        store._drainer.drain_all()
    assert store.failing.looks("mail") == [LOOK, other]
    assert store.failing.looks("mail", "r1") == [other]
    assert store.failing.looks("chat") == []
