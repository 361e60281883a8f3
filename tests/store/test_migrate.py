from __future__ import annotations

import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest

from stagegap.errors import StoreDamaged, StoreVersion
from stagegap.store import Store, migrate
from stagegap.store.migrate import Migration, shipped
from store.material import label

NOW = len(shipped())
LATER = Migration(
    version=NOW + 1, name="later", sql="alter table label add column mood varchar; create table extra (a int)"
)
DEADLY = """
import os, signal, sys
from pathlib import Path
from stagegap.store import Store, migrate
from stagegap.store.migrate import Migration, shipped

class Deadly(tuple):
    def __iter__(self):
        for step in tuple.__iter__(self):
            if step.version == int(sys.argv[2]) and os.path.exists(sys.argv[1] + "/store.duckdb.new"):
                os.kill(os.getpid(), signal.SIGKILL)
            yield step

now = len(shipped())
steps = Deadly([*shipped(), Migration(version=now + 1, name="a", sql="alter table label add column mood varchar"),
                Migration(version=now + 2, name="b", sql="create table extra (a int)")])
migrate.shipped = lambda: steps
Store.open(Path(sys.argv[1]), drain=False).close()
"""


def reopen(folder: Path, monkeypatch: pytest.MonkeyPatch, *steps: Migration) -> Store:
    known = (*shipped(), *steps)
    monkeypatch.setattr(migrate, "shipped", lambda: known)
    return Store.open(folder, drain=False)


def test_older_store_is_migrated_and_a_copy_is_kept(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append_labels("mail", [label()])
    store._drainer.drain_all()
    store.close()
    with reopen(folder, monkeypatch, LATER) as newer:
        assert newer.labels("mail") == [label()]
        assert f"has schema {NOW + 1}" in newer.check()[0].message
    with duckdb.connect(folder / f"store.duckdb.schema-{NOW}", read_only=True) as kept:
        assert kept.execute("select max(version) from schema_migration").fetchall() == [(NOW,)]
        assert kept.execute("select count(*) from label").fetchall() == [(1,)]
    assert (folder / "store.duckdb").stat().st_mode & 0o777 == 0o600


def test_store_of_the_first_schema_keeps_its_labels_and_learns_its_guidelines(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shipped()[:1]
    monkeypatch.setattr(migrate, "shipped", lambda: first)
    with Store.open(folder, drain=False):
        """The file is made as the first release made it."""
    with duckdb.connect(folder / "store.duckdb") as db:
        db.execute("insert into cascade values (1, 'mail'); insert into stage values (1, 1, 'route')")
        db.execute("insert into record values (1, 1, 'r0'); insert into annotator values (1, 'ann')")
        db.execute("insert into queue values ('q', 1, 1, 'random', 9.5, '{}', '', 'Read all of it.', 0)")
        db.execute(
            "insert into label values (1, 'l0', 1, 1, 1, 1, 'label', 12.5, '\"spam\"', null, null, false, false, '',"
            " '', '', '', '', null, false)"
        )
    monkeypatch.undo()
    with Store.open(folder, drain=False) as store:
        assert store.labels("mail") == [label()]
        assert [(queue.run, queue.drawn, queue.warmup) for queue in store.queues("mail")] == [("", "", "[]")]
        (version,) = store.guidelines("mail", "route")
        assert (version.text, version.since) == ("Read all of it.", 9.5)
        assert version.hash == sha256(b"Read all of it.").hexdigest()[:16]


def test_newer_store_is_refused_with_the_version_that_is_needed(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.close()
    reopen(folder, monkeypatch, LATER).close()
    monkeypatch.undo()
    with pytest.raises(StoreVersion, match=rf"has schema {NOW + 1}, written by stagegap .*reads up to schema {NOW}"):
        Store.open(folder)


def test_program_that_was_open_during_a_migration_is_told(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reopen(folder, monkeypatch, LATER).close()
    with pytest.raises(StoreVersion, match=f"has schema {NOW + 1}"):
        store.runs()


def test_store_of_another_text_of_the_same_schema_is_refused(store: Store, folder: Path) -> None:
    store.close()
    with duckdb.connect(folder / "store.duckdb") as db:
        db.execute("update schema_migration set checksum = 'other'")
    with pytest.raises(StoreVersion, match="another text of schema 1"):
        Store.open(folder)


def test_store_that_fell_behind_is_refused_until_it_is_opened_again(store: Store, folder: Path) -> None:
    with duckdb.connect(folder / "store.duckdb") as db:
        db.execute("delete from schema_migration")
    with pytest.raises(StoreVersion, match="older schema 0"):
        store.runs()


@pytest.mark.parametrize("version", [NOW + 1, NOW + 2])
def test_kill_during_a_migration_leaves_the_old_store_whole(store: Store, folder: Path, version: int) -> None:
    store.append_labels("mail", [label()])
    store._drainer.drain_all()
    store.close()
    command = [sys.executable, "-c", DEADLY, str(folder)]
    assert subprocess.run([*command, str(version)], check=False).returncode == -signal.SIGKILL
    with Store.open(folder, drain=False) as old:
        assert old.labels("mail") == [label()]
        assert all(finding.is_good for finding in old.check())
    assert subprocess.run([*command, "99"], check=False).returncode == 0
    with pytest.raises(StoreVersion, match=f"has schema {NOW + 2}"):
        Store.open(folder)


def test_kill_while_a_store_is_made_leaves_none_and_the_next_makes_it(folder: Path) -> None:
    command = [sys.executable, "-c", DEADLY, str(folder), str(NOW + 1)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not (folder / "store.duckdb").exists()
    with Store.open(folder, drain=False) as made:
        assert made.runs() == []


def test_file_is_made_in_the_format_that_duckdb_1_5_reads(store: Store, folder: Path) -> None:
    store.close()
    header = (folder / "store.duckdb").read_bytes()[:20]
    assert header[8:12] == b"DUCK"
    assert int.from_bytes(header[12:20], "little") <= 68


@pytest.mark.parametrize("content", [b"", b"no database at all " * 1000, b"DUCK" * 5000])
def test_foreign_file_in_the_stores_place_is_named_and_kept(folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / "store.duckdb").write_bytes(content)
    with pytest.raises(StoreDamaged, match=r"store\.duckdb"):
        Store.open(folder)
    assert (folder / "store.duckdb").read_bytes() == content


def test_duckdb_file_of_another_program_is_named_and_kept(folder: Path) -> None:
    folder.mkdir()
    with duckdb.connect(folder / "store.duckdb") as db:
        db.execute("create table theirs as select 42 as a")
    with pytest.raises(StoreDamaged, match="another program"):
        Store.open(folder)
    with duckdb.connect(folder / "store.duckdb") as db:
        assert db.execute("from theirs").fetchall() == [(42,)]


def test_file_format_of_a_future_duckdb_is_refused(store: Store, folder: Path) -> None:
    store.close()
    content = bytearray((folder / "store.duckdb").read_bytes())
    content[12:20] = (5000).to_bytes(8, "little")
    (folder / "store.duckdb").write_bytes(content)
    with pytest.raises((StoreVersion, StoreDamaged), match=r"store\.duckdb"):
        Store.open(folder)
