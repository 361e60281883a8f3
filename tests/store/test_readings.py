"""Readings: only ever added, in order, readable at once, and never lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stagegap.model.notes import Reading
from stagegap.store import Store

FAIL = Reading(
    id="g1", record="r0", annotator="ab", run="k1", action="read", verdict="fail", stage="route", note="two topics",
    queue="q", active_ms=900, at=2.5, verified=True,
)  # fmt: skip
PASS = Reading(id="g2", record="r1", annotator="cd", run="k2", action="read", verdict="pass")


def test_readings_come_back_in_order_before_and_after_the_drain(store: Store) -> None:
    store.failing.append_readings("mail", [])
    for _ in range(2):  # sent twice, they are stored once
        store.failing.append_readings("mail", [FAIL, PASS])
    for _ in range(2):
        assert store.failing.readings("mail") == [FAIL, PASS]
        assert store.failing.readings("mail", "k2") == [PASS]
        assert store.failing.readings("other") == []
        store._drainer.drain_all()


@pytest.mark.parametrize(
    ("reading", "why"),
    [
        (replace(FAIL, id=""), "needs an id, the record and the run"),
        (replace(FAIL, record=""), "needs an id, the record and the run"),
        (replace(FAIL, run=""), "needs an id, the record and the run"),
        (replace(FAIL, at=float("nan")), "no number"),
    ],
)
def test_reading_that_says_nothing_is_refused(store: Store, reading: Reading, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        store.failing.append_readings("mail", [reading])


def test_readings_survive_a_lost_journal_and_a_lost_file(store: Store, folder: Path) -> None:
    store.failing.append_readings("mail", [FAIL])
    store._drainer.drain_all()
    store.close()
    for path in folder.glob("journal*"):
        path.unlink()
    with Store.open(folder) as opened:
        assert opened.failing.readings("mail") == [FAIL]
    (folder / "store.duckdb").unlink()
    with Store.open_as_found(folder) as opened:
        opened.rebuild()
    with Store.open(folder) as opened:
        assert opened.failing.readings("mail") == [FAIL]
