"""One file, many who want it: threads, processes, and programs that know nothing of our locks."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from stagegap.errors import NotFound, StoreBusy, StoreError
from stagegap.model.run import SYSTEM
from stagegap.store import Store
from stagegap.store.attach import Locks
from store.material import RUN, label, output


@contextmanager
def foreign_holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(Path(__file__).with_name("holder.py")), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "holding\n"
        yield process
        process.stdin.close()


def test_foreign_holder_is_named_and_labels_are_taken_in_meanwhile(store: Store, folder: Path) -> None:
    with foreign_holder(folder / "store.duckdb") as holder:
        with pytest.raises(StoreBusy, match=rf"held by \S*python\S* \(process {holder.pid}\)"):
            store.runs()
        store.append_labels("mail", [label()])
    assert store.labels("mail") == [label()]


def test_file_that_other_code_closed_is_named(store: Store) -> None:
    store._file._instance.close()
    with pytest.raises(StoreError, match=r"store\.duckdb was closed while the program worked with it"):
        store.runs()


def test_holder_that_lets_go_in_time_is_waited_for(store: Store, folder: Path) -> None:
    found: list[object] = []
    with foreign_holder(folder / "store.duckdb") as holder:
        store._file.patience_s = 30
        reader = threading.Thread(target=lambda: found.extend(store.runs()))
        reader.start()
        assert holder.stdin
        holder.stdin.close()
        reader.join()
    assert len(found) == 1


def test_store_opens_for_labels_while_a_foreign_program_holds_the_file(store: Store, folder: Path) -> None:
    with foreign_holder(folder / "store.duckdb"), Store.open(folder, drain=False, patience_s=0) as second:
        second.append_labels("mail", [label()])
    assert store.labels("mail") == [label()]


def test_new_journal_beside_a_held_file_takes_nothing_in(store: Store, folder: Path) -> None:
    store.close()
    (folder / "journal.sqlite").unlink()
    with foreign_holder(folder / "store.duckdb"), pytest.raises(StoreBusy):
        Store.open(folder, patience_s=0)


def test_background_drain_goes_on_when_a_foreign_holder_is_gone(folder: Path, store: Store) -> None:
    with Store.open(folder, patience_s=0.1) as draining:
        with foreign_holder(folder / "store.duckdb"):
            draining.append_labels("mail", [label()])
            with pytest.raises(StoreBusy):
                draining._drainer.drain_all()
        draining._drainer.drain_all()
    assert store.waiting().ops == 0


def test_nobody_keeps_the_file_open(store: Store, folder: Path) -> None:
    store.append_outputs(RUN, SYSTEM, [output()])
    store.cells(RUN)
    with duckdb.connect(folder / "store.duckdb") as other:
        assert other.execute("select count(*) from output").fetchall() == [(1,)]
    assert not (folder / "store.duckdb.wal").exists()


def test_threads_read_and_write_one_store_together(store: Store) -> None:
    def work(number: int) -> int:
        for n in range(5):
            store.append_labels("mail", [label(f"{number}-{n}")])
            store.append_outputs(RUN, SYSTEM, [output(f"r{number}", repeat=n)])
            assert store.label_count("mail") > n
            assert len(store.outputs(RUN, SYSTEM, "route", records=[f"r{number}"])) == n + 1
        return number

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(work, range(4))) == [0, 1, 2, 3]
    assert store.label_count("mail") == 20


def test_writer_is_not_starved_by_readers_that_overlap(tmp_path: Path) -> None:
    locks = Locks(tmp_path)
    written, stop = threading.Event(), threading.Event()

    def read() -> None:
        while not stop.is_set():
            with locks.shared():
                stop.wait(0.01)

    def write() -> None:
        with locks.exclusive():
            written.set()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in [*readers, threading.Thread(target=write)]:
        thread.start()
    assert written.wait(60)
    stop.set()
    for thread in readers:
        thread.join()


def test_second_drainer_leaves_at_once_and_a_waiting_one_gets_its_turn(store: Store, folder: Path) -> None:
    store.append_labels("mail", [label()])
    with Locks(folder).draining(wait=False) as mine:
        assert mine
        assert store._drainer.drain_slice(wait=False) is False
        assert store.waiting().ops == 1
    store._drainer.drain_all()
    assert store.waiting().ops == 0


def test_background_thread_drains_what_is_written_and_ends_at_close(folder: Path, store: Store) -> None:
    before = threading.enumerate()
    with Store.open(folder) as draining:
        draining.append_labels("mail", [label()])
    assert store.waiting().ops == 0
    assert "stagegap-drain" not in [thread.name for thread in threading.enumerate() if thread not in before]


def test_all_files_belong_to_their_owner_only(store: Store, folder: Path) -> None:
    store.append_labels("mail", [label()])
    store._drainer.drain_all()
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir() if path.is_file()}
    locks = {"lock.drain", "lock.gate", "lock.store"}
    assert modes == dict.fromkeys({"journal.sqlite", "journal.sqlite-journal", "store.duckdb", *locks}, "0o600")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_store_that_must_be_there_and_is_not_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no store in .*nothing"):
        Store.open(tmp_path / "nothing", create=False)
    assert not (tmp_path / "nothing").exists()
