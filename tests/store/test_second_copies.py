"""Single damages: of the file, the journal, a second copy. No label and no answer that was paid for is lost."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stagegap.errors import StoreDamaged
from stagegap.model.notes import Seen
from stagegap.model.run import SYSTEM, RunStatus
from stagegap.store import Store
from stagegap.store.segments import LONGEST
from store.material import RUN, label, output
from store.test_care import break_blocks, wrong

PAID = [output(f"r{n}", value=f"Bought {n}. " * 20, key=f"{n:032x}", cost=0.01) for n in range(6)]
LONG = output("r9", value="long " * LONGEST, key="9" * 32, tokens_out=7)
FREE = [output(f"r{n}", stage="split", value=f"made {n}", key=f"{n + 100:032x}") for n in range(6)]


def fill(store: Store, first: int = 0) -> None:
    """Three paid answers and three others with each call, and labels; nothing of it is moved into the file."""
    some = slice(first, first + 3)
    store.append_outputs(RUN, SYSTEM, [*PAID[some], *FREE[some]])
    store.append_outputs(RUN, SYSTEM, [LONG] if first else [])
    store.append_labels("mail", [label(str(n)) for n in range(first, first + 3)])
    store.failing.append_seen("mail", Seen(id=f"s{first}", record="r1", annotator="ann", at=1.0, run=RUN))


def page(path: Path, name: str) -> tuple[int, int]:
    """Where the root page of a journal's table or index stands, and how large it is."""
    with sqlite3.connect(path) as db:
        (number,) = db.execute("select rootpage from sqlite_master where name = ?", [name]).fetchall()[0]
        (size,) = db.execute("pragma page_size").fetchall()[0]
    db.close()
    return (number - 1) * size, size


def overwrite(path: Path, at: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * size)


def lose_file(folder: Path) -> None:
    (folder / "store.duckdb").unlink()


def lose_journal(folder: Path) -> None:
    (folder / "journal.sqlite").unlink()


def lose_blocks(folder: Path) -> None:
    break_blocks(folder / "store.duckdb")


def lose_root(folder: Path) -> None:
    overwrite(folder / "journal.sqlite", *page(folder / "journal.sqlite", "op"))


def lose_index(folder: Path) -> None:
    overwrite(folder / "journal.sqlite", *page(folder / "journal.sqlite", "op_kind"))


def lose_head(folder: Path) -> None:
    overwrite(folder / "journal.sqlite", 0, 100)


def lose_copies(folder: Path) -> None:
    shutil.rmtree(folder / "copies")


def flip_copy(folder: Path) -> None:
    path = max((folder / "copies").glob("*.seg"), key=lambda path: path.stat().st_size)
    overwrite(path, path.stat().st_size // 2, 1)


def lose_texts(folder: Path) -> None:
    shutil.rmtree(folder / "texts")


DAMAGES = [
    lose_file, lose_journal, lose_blocks, lose_root, lose_index, lose_head, lose_copies, flip_copy, lose_texts,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_single_damage_loses_no_label_and_no_paid_answer(
    damage: Callable[[Path], None], store: Store, folder: Path
) -> None:
    fill(store)
    store._drainer.drain_all()
    fill(store, first=3)
    store.close()
    damage(folder)
    Store.mend_journal(folder)
    with Store.open_as_found(folder) as broken:
        if not all(finding.is_good for finding in broken.check()):
            broken.rebuild()
    with Store.open(folder, drain=False) as mended:
        known = mended.cached([one.key for one in (*PAID, LONG)])
        assert {key: (one.value, one.cost) for key, one in known.items()} == {
            one.key: (one.value, one.cost) for one in (*PAID, LONG)
        }
        assert sorted(made.id for made in mended.labels("mail")) == ["0", "1", "2", "3", "4", "5"]
        assert len(mended.failing.looks("mail")) == 2
        assert [run.id for run in mended.runs()] == [RUN]
        assert wrong(mended) == {}


def test_deleted_file_is_never_replaced_in_silence(store: Store, folder: Path) -> None:
    fill(store)
    store._drainer.drain_all()
    (folder / "store.duckdb").unlink()
    for act in (store.runs, store._drainer.drain_all, lambda: store.put_fact(RUN, "options", "{}")):
        store._journal.append("batch", [(f"{time.time_ns():032x}", b"{}")])
        with pytest.raises(StoreDamaged, match=r"store\.duckdb does not exist any more; `stagegap tools doctor` says"):
            act()
    store.close()
    with pytest.raises(StoreDamaged, match=r"with 3 labels and 3 answers that were paid for, of 1 runs; what costs"):
        Store.open(folder)
    assert not (folder / "store.duckdb").exists()
    with Store.open_as_found(folder) as left:
        assert "put it back instead" in wrong(left)["file"]
        rebuilt = left.rebuild()
    assert (rebuilt.old_file, rebuilt.outputs, rebuilt.put_back.paid, rebuilt.put_back.runs) == (None, 0, 3, 1)
    with Store.open(folder, drain=False) as again:
        (run,) = again.runs()
        assert (run.name, run.status) == ("v1", RunStatus.STOPPED)
        assert "answers that cost nothing are missing" in run.error
        assert again.outputs(RUN, SYSTEM, "split") == []


def test_answers_of_a_paid_stage_have_copies_though_they_name_no_price(store: Store, folder: Path) -> None:
    asked = [output("r0", stage="ask", key="7" * 32), output("r1", stage="ask", key="8" * 32, cached=True)]
    store.name_paid(RUN, {"ask"})
    store.append_outputs(RUN, SYSTEM, [*asked, *FREE])
    assert store._copies.count().paid == 1
    assert sorted(one.record for one in store.outputs(RUN, SYSTEM, "ask")) == ["r0", "r1"]


def test_copies_that_are_missing_are_written_again(store: Store, folder: Path) -> None:
    fill(store)
    store._drainer.drain_all()
    lose_copies(folder)
    store._copies.close()
    (copies,) = [finding for finding in store.check() if finding.what == "copies"]
    assert copies.message == (
        "3 paid answers and 4 things that people did have second copies. 7 of them were missing and are written."
    )
    assert store._copies.count().paid == 3


def test_store_of_a_time_without_second_copies_gets_them_when_it_is_opened(store: Store, folder: Path) -> None:
    fill(store)
    store._drainer.drain_all()
    store._journal.put_note("sealed", "")
    store.close()
    lose_copies(folder)
    with Store.open(folder, drain=False) as again:
        assert (again._copies.count().paid, again._copies.count().people) == (3, 4)


def test_25_labels_with_flipped_bits_are_healed_from_the_file_at_once(store: Store, folder: Path) -> None:
    store.append_labels("mail", [label(f"l{n}") for n in range(300)])
    store._drainer.drain_all()
    store.append_labels("mail", [label("late"), label("lost")])
    with sqlite3.connect(folder / "journal.sqlite") as db:
        db.execute("update op set body = cast('x' as blob) where seq % 12 = 0 or op_id = 'late'")
        db.execute("update op set op_id = 'lo\x01t', ts = 'no time' where op_id = 'lost'")
    db.close()
    start = time.monotonic()
    (journal,) = [finding for finding in store.check() if finding.what == "journal"]
    assert time.monotonic() - start < 10
    assert journal.message.startswith("Operations with a wrong checksum: 302.")
    store.rebuild()
    assert wrong(store) == {}
    assert sorted(made.id for made in store.labels("mail")) == sorted(["late", "lost", *(f"l{n}" for n in range(300))])


def test_waiting_paid_answers_with_a_flipped_bit_are_healed_and_free_ones_are_dropped_by_a_rebuild(
    store: Store, folder: Path
) -> None:
    fill(store)
    with sqlite3.connect(folder / "journal.sqlite") as db:
        db.execute("update op set body = cast('x' as blob) where kind = 'batch'")
    db.close()
    assert "Operations with a wrong checksum" in wrong(store)["journal"]
    assert len(store.outputs(RUN, SYSTEM, "route")) == 3
    store.rebuild()
    assert wrong(store) == {}
    assert store.outputs(RUN, SYSTEM, "split") == []


def test_what_a_killed_process_had_not_finished_is_no_damage(store: Store, folder: Path) -> None:
    fill(store)
    (path,) = (folder / "copies").glob("*.seg")
    with path.open("ab") as file:
        file.write(path.read_bytes()[:90])
    (folder / "copies" / "empty.seg").touch()
    assert wrong(store) == {}
    assert store._copies.count().people == 4
