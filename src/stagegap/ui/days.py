"""Days as pages write them."""

from __future__ import annotations

from datetime import UTC, datetime

from stagegap.model.run import Run


def dated(run: Run) -> str:
    """The run's name with its day: `v14, 18 Nov`.

    The day is that of UTC, so that two people see the same.
    """
    day = datetime.fromtimestamp(run.started_at, UTC)
    return f"{run.name}, {day.day} {day:%b}"


def day(at: float) -> str:
    """A day of UTC: `18 Nov 2026`."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment.day} {moment:%b %Y}"
