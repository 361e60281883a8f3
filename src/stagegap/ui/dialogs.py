"""Sharing what the Gap page shows."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit

from stagegap import report
from stagegap.analysis.views import Scorecard
from stagegap.analysis.wording import counted
from stagegap.model.run import Run
from stagegap.ui import background, elements, state
from stagegap.ui.protocol import Workspace


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
def share(workspace: Workspace, scorecard: Scorecard) -> None:
    """Offer a link, the report and the numbers; texts of records leave the machine only when asked for."""
    elements.note("The link of this page, for who can reach this app:")
    elements.address(state.link(run=scorecard.run))
    odd = workspace.oddities.noticed(scorecard.cascade, scorecard.run)
    if odd is None:
        background.screen(workspace, scorecard.cascade, scorecard.run)
        elements.note("Without what looks strange: nobody looked yet. It is being looked at; share again in a moment.")
    listed = {row.record for detail in scorecard.details for row in detail.rows}
    waiting = workspace.reading.waiting_for_anybody(
        scorecard.cascade, listed | (report.odd_examples(odd) if odd else set())
    )
    shown, strange = report.without(scorecard, waiting), report.without_words(odd, waiting) if odd else None
    count = counted(report.shown_records(shown), "failure")
    with_records = streamlit.checkbox(f"With the texts of {count}: what the system answered, and what is right")
    if waiting:
        elements.note(f"{counted(len(waiting), scorecard.noun)} left out: people are still to label them.")
    name = f"{scorecard.cascade}-{scorecard.run}"
    html = report.html(shown, records=with_records, left_out=len(waiting), oddities=strange)
    _download("Download report", html, f"{name}.html", "text/html")
    elements.note("One file for any browser and for paper: no script, nothing loaded from outside.")
    with streamlit.container(horizontal=True):
        _download(
            "Numbers (JSON)", report.numbers_json(scorecard, oddities=strange), f"{name}.json", "application/json"
        )
        _download("Numbers (CSV)", report.numbers_csv(scorecard), f"{name}.csv", "text/csv")
        _download("Markdown", report.markdown(scorecard, oddities=strange), f"{name}.md", "text/markdown")
    elements.note("These hold no text of a record.")


def _download(label: str, text: str, name: str, kind: str) -> None:
    streamlit.download_button(label, text, file_name=name, mime=kind, icon=":material/download:", on_click="ignore")
