"""Who has stopped and who was asked for what is kept for ever, in order, and each event once."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from stagegap.model.notes import PersonEvent
from stagegap.store import Store

EVENT = PersonEvent(id="e1", annotator="ab", action="assign", queue="q", due="2026-12-05", by="eve", at=12.5)


def test_events_are_read_before_and_after_they_are_drained(tmp_path: Path) -> None:
    later = replace(EVENT, id="e2", action="retire", queue="", due="", by="", verified=True)
    with Store.open(tmp_path / "s", drain=False) as store:
        for event in (EVENT, later, EVENT):
            store.append_people("mail", event)
        assert store.people("mail") == [EVENT, later]
        assert store.people("other") == []
        store._drainer.drain_all()
        assert store.people("mail") == [EVENT, later]


def test_events_outlive_a_new_journal_and_a_rebuild(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s") as store:
        store.append_people("mail", EVENT)
        store._drainer.drain_all()
    (tmp_path / "s" / "journal.sqlite").unlink()
    with Store.open(tmp_path / "s") as store:
        store.rebuild()
        assert store.people("mail") == [EVENT]


@pytest.mark.parametrize("odd", [{"id": ""}, {"annotator": ""}, {"at": math.nan}])
def test_what_cannot_be_kept_is_refused(tmp_path: Path, odd: dict[str, object]) -> None:
    with Store.open(tmp_path / "s") as store, pytest.raises(ValueError, match=r"needs an id|no number"):
        store.append_people("mail", replace(EVENT, **odd))  # type: ignore[arg-type]
