"""The bytes of a user's file -> its text, within bounds."""

from __future__ import annotations

import stat
from pathlib import Path

from stagegap.errors import near_names
from stagegap.spec.nodes import Findings, Mark

LARGEST = 1_000_000
"""Bytes of a file."""


def read_text(path: Path, named: str, findings: Findings) -> str | None:
    """The text of a file of moderate size; None with a problem where that is not possible."""
    place = Mark(named, None)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            findings.add(place, "this is not a file.", "Give the path of a cascade file.")
            return None
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        findings.add(place, "there is no such file.", near_names(path.name, siblings(path)))
        return None
    except (OSError, ValueError) as error:
        findings.add(place, f"the file can't be read: {getattr(error, 'strerror', None) or error}.")
        return None
    if len(content) > LARGEST:
        findings.add(place, f"the file is larger than {LARGEST:,} bytes; a cascade file is small.")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        findings.add(
            Mark(named, line), f"found the byte {content[error.start]:#04x}, which is no UTF-8.", "Save it as UTF-8."
        )
        return None


def siblings(path: Path) -> list[str]:
    """The names that stand in the folder of `path`; none where it can't be listed."""
    try:
        return sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        return []
