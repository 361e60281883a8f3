"""Sharing what the Gap page shows."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit

from stagegap import report
from stagegap.analysis.views import Scorecard
from stagegap.model.run import Run
from stagegap.ui import elements


def dated(run: Run) -> str:
    """Give the run's name with its day: `v14, 18 Nov`.

    The day is that of UTC, so that two people see the same.
    """
    day = datetime.fromtimestamp(run.started_at, UTC)
    return f"{run.name}, {day.day} {day:%b}"


def day(at: float) -> str:
    """Give a day of UTC: `18 Nov 2026`."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment.day} {moment:%b %Y}"


@streamlit.dialog("Share")
def share(scorecard: Scorecard) -> None:
    """Offer the report and the numbers; texts of records leave the machine only when asked for."""
    texts = sum(len(detail.rows) for detail in scorecard.details)
    with_records = streamlit.checkbox(f"With the texts of the failures ({texts})", value=False)
    name = f"{scorecard.cascade}-{scorecard.run}"
    streamlit.download_button(
        "Download report",
        report.html(scorecard, records=with_records),
        file_name=f"{name}.html",
        mime="text/html",
        icon=":material/description:",
        on_click="ignore",
    )
    streamlit.download_button(
        "Download as Markdown",
        report.markdown(scorecard),
        file_name=f"{name}.md",
        mime="text/markdown",
        icon=":material/notes:",
        on_click="ignore",
    )
    elements.note("One file, no script, nothing loaded from outside. The address of this page is a link to this view.")
