"""The runs of a cascade in a list, and the one that others are held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from stagegap.model.estimate import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run of the list."""

    run: str
    """`v3`"""
    status: str
    started_at: float
    """Seconds since 1970, UTC."""
    seconds: float | None
    """From start to end; None while it goes on."""
    records: int
    who: str
    commit: str
    cost: float
    """US dollars, of the calls that were made for this run."""
    outcome: Estimate
    """As its scorecard has it."""
    is_blessed: bool
    error: str
    tags: tuple[str, ...] = ()

    def mentions(self, text: str) -> bool:
        """True when name, tags, commit, person or error hold the text, whatever its case."""
        texts = (self.run, *self.tags, self.commit, self.who, self.error)
        return any(text.casefold() in part.casefold() for part in texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The runs of a cascade, newest first."""

    cascade: str
    rows: tuple[RunRow, ...]

    def filtered(self, *, tag: str | None = None, since: float | None = None, text: str = "") -> History:
        """The runs that carry the tag, began at that time or later, and mention the text."""
        rows = (
            row
            for row in self.rows
            if (tag is None or tag in row.tags) and (since is None or row.started_at >= since) and row.mentions(text)
        )
        return replace(self, rows=tuple(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Blessed:
    """A run that people declared good enough to hold later ones against, as a file that can be committed."""

    cascade: str
    run: str
    """Its name in the store that it was made in."""
    id: str
    fingerprint: str
    """Of the cascade file."""
    commit: str
    started_at: float
    """Seconds since 1970, UTC."""
    outcome: Estimate
    stages: Mapping[str, Estimate]
    """Scores in place."""

    @property
    def is_reproducible(self) -> bool:
        """True when a commit says what was run, so that another store can hold the same run."""
        return bool(self.commit) and not self.commit.endswith("+")
