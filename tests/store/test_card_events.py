"""What people say of cards is kept for ever, in order, and each event once."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from stagegap.model.notes import OddityEvent
from stagegap.store import Store

EVENT = OddityEvent(
    id="e1", card="refused/draft/", annotator="ab", action="dismiss", reason="a test", bound=0.25, run="r", at=12.5
)


def test_events_are_read_before_and_after_they_are_drained(tmp_path: Path) -> None:
    later = replace(EVENT, id="e2", action="show", reason="", bound=None, verified=True)
    with Store.open(tmp_path / "s", drain=False) as store:
        for event in (EVENT, later, EVENT):
            store.failing.append_oddity("mail", event)
        assert store.failing.oddities("mail") == [EVENT, later]
        assert store.failing.oddities("other") == []
        store._drainer.drain_all()
        assert store.failing.oddities("mail") == [EVENT, later]


def test_events_outlive_a_new_journal_and_a_rebuild(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s") as store:
        store.failing.append_oddity("mail", EVENT)
        store._drainer.drain_all()
    (tmp_path / "s" / "journal.sqlite").unlink()
    with Store.open(tmp_path / "s") as store:
        store.rebuild()
        assert store.failing.oddities("mail") == [EVENT]


@pytest.mark.parametrize("odd", [{"id": ""}, {"card": ""}, {"reason": " "}, {"at": math.nan}, {"bound": math.inf}])
def test_what_cannot_be_kept_is_refused(tmp_path: Path, odd: dict[str, object]) -> None:
    with Store.open(tmp_path / "s") as store, pytest.raises(ValueError, match=r"needs an id|reason|no number"):
        store.failing.append_oddity("mail", replace(EVENT, **odd))  # type: ignore[arg-type]
