"""What the Failures page needs of a workspace beside its views."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stagegap.analysis.record_view import RecordView
    from stagegap.analysis.tags import OwnTags, TagTally
    from stagegap.analysis.views import Scorecard
    from stagegap.model.failure import FailurePage, Wanted
    from stagegap.model.values import Json


class OwnTally(Protocol):
    """A person's tags at a stage, counted, and which record carries which."""

    @property
    def tally(self) -> TagTally: ...
    @property
    def own(self) -> OwnTags: ...


class Reading(Protocol):
    """What people read of a run, and note while they read."""

    def failures(self, cascade: str, run: str, wanted: Wanted, *, after: int = 0) -> FailurePage:
        """Give at most 200 failures, those after a place."""
        ...

    def place(self, cascade: str, run: str, wanted: Wanted, record: str) -> int | None:
        """Give the place of a record in a list, None when it is not in it."""
        ...

    def record(self, cascade: str, run: str, record: str) -> RecordView | None:
        """Give one record stage by stage."""
        ...

    def waiting(self, cascade: str, record: str, viewer: str) -> tuple[str, ...]:
        """Give the stages at which a person is still to label a record."""
        ...

    def waiting_for_anybody(self, cascade: str, records: Collection[str]) -> Collection[str]:
        """Give those of the records that somebody is still to label."""
        ...

    def look(self, cascade: str, run: str, record: str, viewer: str) -> None:
        """Note that a person sees the answers to a record."""
        ...

    def tally(self, scorecard: Scorecard, stage: str, viewer: str) -> OwnTally: ...
    def save_tags(
        self, cascade: str, run: str, stage: str, events: Sequence[Mapping[str, Json]], *, viewer: str, verified: bool
    ) -> None:
        """Store what the page sent; when this returns it is safe, and an event sent twice is one."""
        ...
