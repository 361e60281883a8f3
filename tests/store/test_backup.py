"""A store as one file: made beside others who write, put back whole, and refused where it is not."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stagegap.errors import ConfigurationError, NotFound, StoreDamaged, StoreError
from stagegap.model.run import SYSTEM
from stagegap.store import Store, back_up, restore
from store.material import RUN, label, output, records

WRITER = """
import itertools, sys
from pathlib import Path
from stagegap.model.run import SYSTEM
from stagegap.store import Store
from store.material import RUN, label, output

with Store.open(Path(sys.argv[1])) as store:
    for n in itertools.count():
        store.append_outputs(RUN, SYSTEM, [output(f"r{n}", value=f"bought {n} " * 9, key=f"{n:032x}", cost=0.01)])
        store.append_labels("mail", [label(str(n))])
        print(n, flush=True)
"""


@pytest.fixture
def archive(store: Store, folder: Path, tmp_path: Path) -> Path:
    store.append_outputs(RUN, SYSTEM, [output("r1", value="bought", key="1" * 32, cost=0.01)])
    store.append_labels("mail", [label("first")])
    store.close()
    return back_up(folder, tmp_path / "store.tar").path


def test_what_was_acknowledged_before_a_backup_began_is_in_it_while_others_write(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    store.put_records("mail", records(5_000))
    store.close()
    at_work = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True, env=None, cwd="tests"
    )
    assert at_work.stdout is not None
    try:
        for turn in range(3):
            done = 0
            while done < 20 * (turn + 1):
                done = int(at_work.stdout.readline())
            back_up(folder, tmp_path / f"{turn}.tar")
            place = tmp_path / f"there{turn}" / ".stagegap"
            restore(tmp_path / f"{turn}.tar", place)
            with Store.open(place, drain=False) as restored:
                assert [finding.message for finding in restored.check() if not finding.is_good] == []
                assert {str(n) for n in range(done + 1)} <= {given.id for given in restored.labels("mail")}
                keys = [f"{n:032x}" for n in range(done + 1)]
                assert restored.cached(keys).keys() == set(keys)
        assert at_work.poll() is None, "it went on all the while"
    finally:
        at_work.kill()
        at_work.wait()
        at_work.stdout.close()


def test_a_restored_store_goes_on(archive: Path, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere" / ".stagegap"
    assert restore(archive, place).files == sum(1 for file in place.rglob("*") if file.is_file())
    with Store.open(place, drain=False) as store:
        store.append_labels("mail", [label("second")])
        assert {given.id for given in store.labels("mail")} == {"first", "second"}
        assert store.cached(["1" * 32])["1" * 32].value == "bought"


def test_nothing_is_put_over_a_store_and_no_backup_lies_in_one(archive: Path, folder: Path, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    with pytest.raises(StoreError, match="already: move it away first"):
        restore(archive, folder)
    with pytest.raises(ConfigurationError, match="inside the store"):
        back_up(folder, folder / "copy.tar")
    with pytest.raises(NotFound, match="no store in"):
        back_up(tmp_path / "nowhere", tmp_path / "copy.tar")
    with pytest.raises(NotFound, match="is no file"):
        restore(tmp_path / "nowhere.tar", tmp_path / "new")
    with pytest.raises(StoreError, match=r"can't be written: No such file or directory\."):
        back_up(folder, tmp_path / "no" / "copy.tar")
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
    assert not list(tmp_path.glob("*.part-*"))


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 0.999), is_cut=st.booleans())
def test_a_damaged_backup_leaves_no_store_behind(archive: Path, tmp_path: Path, where: float, is_cut: bool) -> None:
    content = bytearray(archive.read_bytes())
    used = len(content.rstrip(b"\0"))
    at = int(where * used)
    damaged = tmp_path / "damaged.tar"
    damaged.write_bytes(content[:at] if is_cut else content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
    place = tmp_path / "new" / ".stagegap"
    try:
        restore(damaged, place)
    except StoreDamaged:
        assert not place.exists()
        assert not list(place.parent.glob(".restoring-*"))
    else:  # a byte of the padding between files
        assert {file.name: file.read_bytes() for file in place.glob("store*")} == {
            file.name: file.read_bytes() for file in (tmp_path / ".stagegap").glob("store*")
        }
        for file in sorted(place.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        place.rmdir()


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside"])
def test_an_archive_that_points_outside_is_refused(tmp_path: Path, name: str) -> None:
    foreign = tmp_path / "foreign.tar"
    with tarfile.open(foreign, "w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    with pytest.raises(StoreDamaged, match="is no file of a store"):
        restore(foreign, tmp_path / "new" / ".stagegap")
    assert not (tmp_path / "outside").exists()
