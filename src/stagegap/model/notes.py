"""What people note while they read failures or cards: append-only, never edited."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class OddityEvent:
    """One decision about one card, which holds in later runs too."""

    id: str
    """Operation id: the same id twice is one event."""
    card: str
    """Key of the card: `detector/stage/subject`."""
    annotator: str
    action: Literal["dismiss", "show", "flag", "unflag"]
    """`dismiss` says that it is not odd; `show` takes that back."""
    reason: str = ""
    """Why it is not odd; never empty for `dismiss`."""
    bound: float | None = None
    """Upper end of the card's interval when it was dismissed: what lies wholly above is odd again."""
    run: str = ""
    """Id of the run that the person was looking at."""
    at: float = 0.0
    """Seconds since 1970, UTC."""
    verified: bool = False
    """True when the annotator's identity was checked."""
