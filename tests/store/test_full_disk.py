"""A disk that takes no more, played by the limit of the process on the size of a file."""

from __future__ import annotations

import resource
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stagegap.errors import StoreError
from stagegap.model.run import SYSTEM
from stagegap.store import Store
from store.material import RUN, label, output


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_full_disk_under_the_file_loses_no_acknowledged_output(store: Store, folder: Path) -> None:
    acknowledged: list[str] = []
    refused: list[str] = []
    with no_file_above((folder / "store.duckdb").stat().st_size + 1_500_000):
        for number in range(30):
            batch = [output(f"{number}-{n}", value=secrets.token_hex(5000)) for n in range(20)]
            try:
                store.append_outputs(RUN, SYSTEM, batch)
                acknowledged += [o.record for o in batch]
                store._drainer.drain_all()
            except StoreError as error:
                refused.append(str(error))
        assert refused
        assert all("store.duckdb" in reason or "journal" in reason for reason in refused)
    store.append_labels("mail", [label()])
    found = store.outputs(RUN, SYSTEM, "route")
    assert sorted(o.record for o in found) == sorted(acknowledged)
    assert store.label_count("mail") == 1
    assert all(finding.is_good for finding in store.check())


def test_doctor_says_what_waits_and_why_while_the_disk_is_full(store: Store, folder: Path) -> None:
    store.append_outputs(RUN, SYSTEM, [output(f"r{n}", value=secrets.token_hex(9000)) for n in range(100)])
    with no_file_above((folder / "store.duckdb").stat().st_size // 2):
        (waiting,) = [finding for finding in store.check() if finding.what == "waiting"]
    assert not waiting.is_good
    assert "1 writes wait in the journal since" in waiting.message
    assert "store.duckdb" in waiting.message
    assert "MB are free on this disk" in waiting.message
    (waiting,) = [finding for finding in store.check() if finding.what == "waiting"]
    assert (waiting.is_good, waiting.message) == (True, "No write waits to be moved into the file.")
    assert len(store.outputs(RUN, SYSTEM, "route")) == 100


def test_full_disk_under_the_journal_acknowledges_nothing(store: Store, folder: Path) -> None:
    with no_file_above((folder / "journal.sqlite").stat().st_size + 10_000), pytest.raises(StoreError, match="journal"):
        store.append_outputs(RUN, SYSTEM, [output(value="x" * 60_000)])
    assert store.waiting().ops == 0
    with no_file_above(10_000), pytest.raises(StoreError, match="texts cannot take this in: File too large"):
        store.append_outputs(RUN, SYSTEM, [output(value=secrets.token_hex(50_000))])
    assert store.waiting().ops == 0
    store.append_outputs(RUN, SYSTEM, [output()])
    assert store.outputs(RUN, SYSTEM, "route") == [output()]
