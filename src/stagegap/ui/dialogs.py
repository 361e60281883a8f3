"""The two dialogs of the Gap page: one record, and sharing."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import streamlit

from stagegap import charts, report
from stagegap.analysis.views import Scorecard, StageDetail
from stagegap.model.run import Run
from stagegap.ui import elements, state
from stagegap.ui.protocol import Workspace


def dated(run: Run) -> str:
    """Give the run's name with its day: `v14, 18 Nov`.

    The day is that of UTC, so that two people see the same.
    """
    day = datetime.fromtimestamp(run.started_at, UTC)
    return f"{run.name}, {day.day} {day:%b}"


def close() -> None:
    """Take the record out of the URL."""
    state.choose("record", None)


@streamlit.dialog("Record", width="large", on_dismiss=close)
def record(workspace: Workspace, scorecard: Scorecard, detail: StageDetail) -> None:
    """Show the record that the URL names: its text, and what each stage that failed on it answered."""
    ids = [row.record for row in detail.rows]
    shown, _ = state.chosen("record", ids, ids[0])
    place = ids.index(shown or ids[0])
    with streamlit.container(horizontal=True, vertical_alignment="center"):
        for name, shortcut, step in (("Previous", "Left", -1), ("Next", "Right", 1)):
            to = ids[(place + step) % len(ids)]
            streamlit.button(name, key=f"record {name}", shortcut=shortcut, on_click=state.choose, args=("record", to))
        elements.note(f"{place + 1} of {len(ids)} failures of {detail.stage}, record {ids[place]}")
    elements.chart("answers", charts.answers(scorecard, ids[place]))
    found = workspace.record(scorecard.cascade, ids[place])
    fields = found.fields if found else {scorecard.noun: detail.rows[place].title}
    texts = {name: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for name, v in fields.items()}
    for name, text in texts.items():
        if " " in text:
            elements.field(name, text)
    elements.note(" · ".join(f"{name} {text}" for name, text in texts.items() if " " not in text))


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
