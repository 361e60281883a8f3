"""What a person does while reading failures: looks at a record, notes reasons. Append-only, never edited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TagEvent:
    """One change of a person's own tags at a stage."""

    id: str
    """Operation id: the same id twice is one event."""
    stage: str
    annotator: str
    action: Literal["add", "remove", "rename", "drop"]
    """`rename` to a tag that is there already merges the two; `drop` takes a tag from every record."""
    tag: str
    record: str = ""
    """Empty for `rename` and `drop`."""
    into: str = ""
    """New name, for `rename`."""
    at: float = 0.0
    """Seconds since 1970, UTC."""
    run: str = ""
    """Id of the run that the person was reading."""
    verified: bool = False
    """True when the annotator's identity was checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A person saw what the system and other people answered for a record."""

    id: str
    record: str
    annotator: str
    at: float = 0.0
    """Seconds since 1970, UTC."""
    run: str = ""
    """Id of the run whose outputs were seen."""
