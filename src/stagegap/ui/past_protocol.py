"""What the pages need of a cascade's past runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stagegap.analysis.changes.knobs import RunsView
    from stagegap.analysis.changes.ledger import Ledger
    from stagegap.analysis.changes.views import Comparison, ConfigChange, WhatChanged
    from stagegap.analysis.so_far import SoFar
    from stagegap.model.live import LiveRun


class Past(Protocol):
    """The past of one cascade."""

    def live(self) -> Sequence[LiveRun]:
        """Give the runs that go on, in whatever process."""
        ...

    def so_far(self, live: LiveRun) -> SoFar | None:
        """Say what the finished records of such a run tell of its outcome; None before the first is."""
        ...

    def pair(self) -> tuple[str, str] | None:
        """Give the two runs that are compared unless somebody names others; None with fewer than two."""
        ...

    def comparison(self, before: str, after: str) -> Comparison: ...
    def accepted(self, view: Comparison) -> Comparison:
        """Take the offer of a refused comparison."""
        ...

    def settings(self, before: str, after: str) -> Sequence[ConfigChange]:
        """Give every setting of two runs, the equal ones included."""
        ...

    def changed(self, before: str, after: str) -> WhatChanged | None:
        """Give what was worked out of two runs; None while nobody did."""
        ...

    def work_out(self, before: str, after: str, *, use_shared: bool) -> WhatChanged:
        """Run the mixtures of two runs that cost nothing, and keep what comes of it."""
        ...

    def compared_runs(self) -> RunsView: ...
    def ledger(self) -> Ledger: ...
    def expect_points(self, place: str, points: float, *, reason: str, baseline: str) -> Sequence[object]:
        """Write down what somebody expects at one place, in points."""
        ...
