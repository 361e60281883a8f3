"""Where a store may lie: on a disk of this machine, because the locks of network file systems don't hold."""

from __future__ import annotations

from pathlib import Path

from stagegap.errors import StoreError

NETWORK = ("nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs")
FUSE = ("fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.ceph")
MOUNTS = Path("/proc/self/mounts")


def refuse_network(folder: Path, mounts: str) -> None:
    """Name a network file system that a folder lies on, by the table of mounts. Raises: StoreError."""
    kind = file_system(folder, mounts)
    if kind in NETWORK or kind in FUSE:
        raise StoreError(
            f"{folder} lies on a network file system ({kind}), whose locks don't hold between machines: writes could"
            " be lost. Make it a link to a folder on a local disk."
        )


def file_system(folder: Path, mounts: str) -> str:
    """The kind of file system that a folder lies on; "" where the table doesn't say.

    >>> file_system(Path("/home/me/p"), "srv:/home /home nfs4 rw 0 0\\n/dev/sda / ext4 rw 0 0")
    'nfs4'
    """
    system, depth = "", -1
    for line in mounts.splitlines():
        parts = line.split(" ")
        if len(parts) > 2:
            # The table writes blanks in octal.
            place = Path(parts[1].replace("\\040", " ").replace("\\011", "\t"))
            # A later mount at the same place hides the earlier one.
            if folder.is_relative_to(place) and len(place.parts) >= depth:
                system, depth = parts[2], len(place.parts)
    return system


def mounts() -> str:
    """The table of mounts; empty where the system has none."""
    try:
        return MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
