from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pytest

from stagegap.errors import StoreDamaged, StoreError, StoreNewer
from stagegap.model.run import SYSTEM
from stagegap.store import Store
from stagegap.store.views import StoredView
from store.material import RUN, label, output, records

VIEW = StoredView(body="{}", rests_on="these", labels=5)


def filled(store: Store) -> Store:
    store.append_outputs(RUN, SYSTEM, [output(f"r{n}", value="A long answer. " * 20) for n in range(10)])
    store.append_labels("mail", [label(str(n)) for n in range(5)])
    store.cells(RUN)
    store.put_fact(RUN, "options", "{}")
    store.views.put("mail", RUN, "gap", VIEW)
    return store


def wrong(store: Store) -> dict[str, str]:
    return {finding.what: finding.message for finding in store.check() if not finding.is_good}


def break_blocks(path: Path) -> None:
    """Overwrite everything behind the headers."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xa5" * (size - 4096 * 3))


def test_healthy_store_has_only_good_findings(store: Store) -> None:
    findings = filled(store).check()
    assert {finding.what for finding in findings} == {
        "version", "blocks", "watermark", "duplicates", "labels", "set aside", "journal", "waiting",
        "copies",
    }  # fmt: skip
    assert all(finding.is_good for finding in findings)
    assert "6 of 6 operations" in next(f.message for f in findings if f.what == "watermark")


def test_damaged_file_is_refused_and_points_to_rebuild(store: Store, folder: Path) -> None:
    filled(store)
    break_blocks(folder / "store.duckdb")
    assert "doctor --rebuild" in wrong(store)["file"]
    with pytest.raises(StoreDamaged, match=r"store\.duckdb is damaged"):
        store.runs()


def test_rebuild_of_a_file_that_cannot_be_read_gives_every_label_back(store: Store, folder: Path) -> None:
    filled(store)
    break_blocks(folder / "store.duckdb")
    rebuilt = store.rebuild()
    assert rebuilt.old_file == folder / "store.duckdb.damaged-1"
    assert (rebuilt.outputs, "output" in rebuilt.lost, "run" in rebuilt.lost) == (0, True, True)
    assert store.labels("mail") == [label(str(n)) for n in range(5)]
    assert wrong(store) == {}


def test_rebuild_of_a_readable_file_keeps_everything(store: Store, folder: Path) -> None:
    filled(store)
    store.append_outputs(RUN, SYSTEM, [output("r3", stage="draft")])
    rebuilt = store.rebuild()
    assert (rebuilt.outputs, rebuilt.lost) == (10, ())
    assert store.records("mail") == records(10)
    assert len(store.outputs(RUN, SYSTEM, "route")) == 10
    assert store.outputs(RUN, SYSTEM, "draft") == [output("r3", stage="draft")]
    assert store.labels("mail") == [label(str(n)) for n in range(5)]
    assert store.fact(RUN, "options") == "{}"
    assert store.views.find("mail", RUN, "gap") == VIEW
    assert wrong(store) == {}
    assert store.rebuild().old_file == folder / "store.duckdb.damaged-2"


def test_table_that_is_missing_in_the_old_file_is_named(store: Store, folder: Path) -> None:
    filled(store)
    with duckdb.connect(folder / "store.duckdb") as db:
        db.execute("drop table score")
    assert store.rebuild().lost == ("score",)
    assert len(store.outputs(RUN, SYSTEM, "route")) == 10


def test_file_whose_names_are_missing_gives_its_labels_only(store: Store, folder: Path) -> None:
    filled(store)
    with duckdb.connect(folder / "store.duckdb") as db:
        db.execute("drop table stage")
    rebuilt = store.rebuild()
    assert (rebuilt.outputs, "run" in rebuilt.lost) == (0, True)
    assert store.label_count("mail") == 5


def test_journal_that_is_none_is_told_at_opening(folder: Path) -> None:
    folder.mkdir()
    (folder / "journal.sqlite").write_bytes(b"a text and no journal " * 90)
    with pytest.raises(StoreDamaged, match=r"journal\.sqlite"):
        Store.open(folder)


def test_statement_that_is_wrong_is_a_bug_and_keeps_its_traceback(store: Store) -> None:
    with pytest.raises(duckdb.BinderException), store._file.reading() as session:
        session.rows("select nonsense")


def test_batch_that_is_applied_and_still_in_the_journal_is_not_doubled_by_a_rebuild(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store._journal, "discard", lambda applied: None)
    filled(store)
    assert store.rebuild().outputs == 0
    assert len(store.outputs(RUN, SYSTEM, "route")) == 10
    assert wrong(store) == {}


def test_rebuild_without_any_file_makes_one(store: Store, folder: Path) -> None:
    filled(store)
    (folder / "store.duckdb").unlink()
    assert store.rebuild().old_file is None
    assert store.label_count("mail") == 5


def test_rebuild_is_noticed_by_who_had_drained_before(store: Store, folder: Path) -> None:
    filled(store)
    with Store.open(folder, drain=False) as other:
        other.cells(RUN)
        break_blocks(folder / "store.duckdb")
        other.rebuild()
    store.append_labels("mail", [label("late")])
    store._drainer.drain_all()
    assert store.waiting().ops == 0
    assert store.label_count("mail") == 6


def test_rebuild_gives_what_was_set_aside_another_try(store: Store) -> None:
    filled(store)
    store.append_labels("mail", [label("aside")])
    store._journal.set_aside([7], "by a program with a bug")
    assert "by a program with a bug" in wrong(store)["set aside"]
    store.rebuild()
    assert wrong(store) == {}
    assert store.label_count("mail") == 6


def test_log_of_a_damaged_file_goes_along_with_it(store: Store, folder: Path) -> None:
    filled(store)
    break_blocks(folder / "store.duckdb")
    (folder / "store.duckdb.wal").write_bytes(b"broken log")
    store.rebuild()
    assert (folder / "store.duckdb.damaged-1.wal").read_bytes() == b"broken log"
    assert store.label_count("mail") == 5


def test_lost_journal_is_replaced_and_gets_its_second_copies(store: Store, folder: Path) -> None:
    filled(store).close()
    (folder / "journal.sqlite").unlink()
    with Store.open(folder, drain=False) as again:
        again.append_labels("mail", [label("new")])
        again.append_outputs(RUN, SYSTEM, [output("r9", stage="draft")])
        again._drainer.drain_all()
        assert [made.id for made in again.labels("mail")] == ["0", "1", "2", "3", "4", "new"]
        assert len(again.outputs(RUN, SYSTEM, "draft")) == 1
        assert wrong(again) == {}
        break_blocks(folder / "store.duckdb")
        again.rebuild()
        assert again.label_count("mail") == 6


def test_file_put_back_from_a_backup_gets_the_labels_since_then(store: Store, folder: Path) -> None:
    backup = (folder / "store.duckdb").read_bytes()
    filled(store).close()
    (folder / "store.duckdb").write_bytes(backup)
    with Store.open(folder, drain=False) as again:
        again._drainer.drain_all()
        assert again.label_count("mail") == 5


def test_file_of_another_journal_and_doubled_rows_are_found(store: Store, folder: Path) -> None:
    filled(store)
    with duckdb.connect(folder / "store.duckdb") as db:
        db.execute("update meta set v = 'stranger' where k = 'journal'")
        db.execute("insert into label from label limit 2")
        db.execute("insert into label select * replace ('unknown' as id) from label limit 1")
    assert wrong(store) == {
        "watermark": "The file belongs to another journal.",
        "duplicates": "2 outputs or labels stand twice.",
        "labels": "1 labels have no second copy in the journal.",
    }


def test_damaged_structure_of_the_journal_is_found_and_the_labels_of_the_file_survive_it(
    store: Store, folder: Path
) -> None:
    filled(store).close()
    path = folder / "journal.sqlite"
    with sqlite3.connect(path) as db:
        (page,) = db.execute("select rootpage from sqlite_master where name = 'op'").fetchall()[0]
        (size,) = db.execute("pragma page_size").fetchall()[0]
    db.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    with Store.open(folder, drain=False) as broken:
        assert "doctor --rebuild" in wrong(broken)["journal"]
        with pytest.raises(StoreDamaged, match=r"journal\.sqlite is damaged"):
            broken.labels("mail")
    path.rename(folder / "journal.broken")
    with Store.open(folder, drain=False) as mended:
        assert mended.label_count("mail") == 5
        assert wrong(mended) == {}


def test_damaged_index_of_the_journal_is_found(store: Store, folder: Path) -> None:
    filled(store)
    with sqlite3.connect(folder / "journal.sqlite") as db:
        db.execute("pragma writable_schema = on")
        db.execute("update sqlite_master set sql = 'create index op_kind on op (seq, kind)' where name = 'op_kind'")
    db.close()
    with Store.open(folder, drain=False) as broken:
        assert "structure" in wrong(broken)["journal"]


def test_folder_without_its_file_is_told(store: Store, folder: Path) -> None:
    (folder / "store.duckdb").unlink()
    with pytest.raises(StoreError, match=r"store\.duckdb does not exist"):
        store.runs()


def test_everything_can_be_written_as_parquet(store: Store, tmp_path: Path) -> None:
    written = filled(store).export(tmp_path / "it's out")
    assert {path.stem for path in written} >= {"output", "label", "record_version", "run", "blob"}
    with duckdb.connect() as db:
        count = "select count(*) from read_parquet(?)"
        counts = {path.stem: db.execute(count, [str(path)]).fetchall()[0][0] for path in written}
    assert (counts["output"], counts["label"], counts["blob"]) == (10, 5, 1)


def test_folder_that_cannot_be_written_is_named(store: Store, tmp_path: Path) -> None:
    (tmp_path / "out" / "cascade.parquet").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"out/cascade\.parquet"):
        store.export(tmp_path / "out")


def test_folder_that_cannot_hold_a_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(StoreError, match="cannot hold a store"):
        Store.open(tmp_path / "file" / ".stagegap")


def test_a_file_of_a_newer_program_is_not_rebuilt_by_an_older_one(store: Store, folder: Path) -> None:
    store.close()
    file = folder / "store.duckdb"
    with duckdb.connect(str(file)) as other:
        other.execute("insert into schema_migration values (99, 'later', 'x', '9.9.9', now())")
    store = Store.open_as_found(folder)
    (version,) = [finding for finding in store.check() if finding.what == "version"]
    assert not version.is_good
    assert "written by stagegap 9.9.9" in version.message
    with pytest.raises(StoreNewer, match=r"Install stagegap 9\.9\.9"):
        store.rebuild()
