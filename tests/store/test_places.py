from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stagegap.errors import StoreError
from stagegap.store.attach import file_system, mounts, refuse_network

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
