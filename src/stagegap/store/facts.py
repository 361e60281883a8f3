"""What the store tells about itself and its work."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsImport:
    """What an import of records did."""

    added: int
    changed: int
    unchanged: int
    digest: str = field(default="", compare=False)
    """Of all records of the import, in their order: their ids and contents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Acknowledged writes that are safe in the journal and not yet in DuckDB."""

    ops: int
    since: float | None
    """When the oldest of them was written, in seconds since 1970, UTC; None when nothing waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that `check` looked at."""

    what: Literal["file", "version", "blocks", "watermark", "duplicates", "set aside", "journal", "labels"]
    is_good: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What a rebuild saved."""

    old_file: Path | None
    """The old file, beside the new one; None when there was none."""
    outputs: int
    """Outputs read from the old file; labels come back from the journal, all of them."""
    lost: tuple[str, ...]
    """Tables of the old file that could not be read."""
