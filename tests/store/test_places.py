from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stagegap.errors import StoreError
from stagegap.store.attach import file_system, mounts, refuse_network
from stagegap.workspace.foundation import write_starter

TABLE = """/dev/sda1 / ext4 rw 0 0
srv:/export /home nfs4 rw 0 0
/dev/sdb1 /home/me/local xfs rw 0 0
//srv/share /mnt/team\\040share cifs rw 0 0
me@srv: /mnt/ssh fuse.sshfs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/.stagegap", "ext4"),
        ("/home/me/.stagegap", "nfs4"),
        ("/home/me/local/.stagegap", "xfs"),
        ("/home/me/localized", "nfs4"),
        ("/mnt/team share/p", "cifs"),
        ("/mnt/ssh/p", "fuse.sshfs"),
    ],
)
def test_the_deepest_mount_says_what_a_folder_lies_on(folder: str, kind: str) -> None:
    assert file_system(Path(folder), TABLE) == kind


@pytest.mark.parametrize(("folder", "kind"), [("/home/me/p", "nfs4"), ("/mnt/team share/p", "cifs")])
def test_a_store_on_a_network_file_system_is_refused_with_what_to_do(folder: str, kind: str) -> None:
    with pytest.raises(StoreError) as refused:
        refuse_network(Path(folder), TABLE)
    assert str(refused.value) == (
        f"{folder} lies on a network file system ({kind}), whose locks don't hold between machines: writes could be"
        " lost. Make it a link to a folder on a local disk."
    )


def test_a_local_disk_and_a_system_without_a_table_are_accepted(tmp_path: Path) -> None:
    refuse_network(tmp_path, mounts())
    refuse_network(tmp_path, "")


OPEN = """
import os, pathlib, sys
from stagegap.errors import StoreError
from stagegap.store import Store
if os.getuid() == 0:
    os.setuid(65534)
try:
    Store.open(pathlib.Path(sys.argv[1]))
except StoreError as error:
    sys.exit(str(error))
"""


def test_a_folder_that_can_not_be_written_is_named_before_any_work(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    for folder in (store, tmp_path):
        folder.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-c", OPEN, str(store / "deeper")], capture_output=True, text=True, check=False, cwd="/"
        )
    finally:
        for folder in (tmp_path, store):
            folder.chmod(0o755)
    assert done.stderr.strip() == f"{store / 'deeper'} cannot hold a store: Permission denied."
    assert os.listdir(store) == []


C = ctypes.CDLL(None)
DROP = 24
"""PR_CAPBSET_DROP of Linux."""


def without_privilege() -> None:
    """Take root's right to pass over permissions from a process that is about to begin; others never had it."""
    for capability in range(4):  # change owners, pass over permissions of files and of folders, act as an owner
        C.prctl(DROP, capability, 0, 0, 0)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ("init", 2, "pipelines: Permission denied."),
        ("run", 3, "{folder}/.stagegap cannot hold a store: Permission denied."),
        ("tools doctor", 3, "{folder}/.stagegap cannot hold a store: Permission denied."),
        ("show", 3, "{folder}/.stagegap/journal.sqlite can't be written: Permission denied."),
    ],
)
def test_who_may_not_write_hears_it_in_one_sentence(tmp_path: Path, words: str, code: int, sentence: str) -> None:
    if words != "init":
        write_starter(tmp_path)
    store = tmp_path / ".stagegap"
    if words in ("tools doctor", "show"):
        store.mkdir()
        (store / "journal.sqlite").touch(mode=0o400)
        store.chmod(0o000 if words == "tools doctor" else 0o500)
    tmp_path.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "stagegap", *words.split()],
            capture_output=True, text=True, check=False, cwd=tmp_path, preexec_fn=without_privilege,
        )  # fmt: skip
    finally:
        tmp_path.chmod(0o755)
        if store.exists():
            store.chmod(0o755)
    assert (done.returncode, done.stderr.strip()) == (code, sentence.format(folder=tmp_path))
