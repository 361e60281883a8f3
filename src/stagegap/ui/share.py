"""Share: the link of a page, what it shows as a file, and its numbers; texts of records only when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import streamlit

from stagegap import redaction, report
from stagegap.analysis import failures, views
from stagegap.analysis.views import Scorecard
from stagegap.model.wording import counted
from stagegap.ui import background, elements, state
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.analysis.changes import Comparison
    from stagegap.oddities.screen import Noticing
    from stagegap.people.roster import OpenRecords


NOT_LOOKED = "Without what looks strange: nobody looked yet. It is being looked at; share again in a moment."


def of_run(workspace: Workspace, scorecard: Scorecard, stage: str | None = None) -> Offer:
    """A run: its report, which explains the failures of a stage, and its figures.

    Where nobody looked for what is strange yet, that begins beside the page, and the offer says so.
    """
    odd = workspace.oddities.noticed(scorecard.cascade, scorecard.run)
    if odd is None:
        background.screen(workspace, scorecard.cascade, scorecard.run)
    listed = {row.record for detail in scorecard.details for row in detail.rows}
    examples: set[str] = report.odd_examples(odd) if odd else set()
    waiting = workspace.failures.open_records(scorecard.cascade, listed | examples)
    safe = report.without(scorecard, waiting.records)
    strange = report.without_words(odd, waiting.records) if odd else None
    read = workspace.runs.attribution(scorecard.cascade, scorecard.run).codes()
    count = counted(len(report.shown_records(safe, stage)), "failure")
    left_out = waiting.among({*report.failures_at(scorecard, stage), *examples}).left_out(scorecard.noun)
    return Offer(
        name=f"{scorecard.cascade}-{scorecard.run}",
        texts=f"{count}: what the system answered, and what is right",
        left_out=left_out,
        lacks="" if odd else NOT_LOOKED,
        report=lambda records: report.html(
            safe,
            records=records,
            left_out=left_out,
            stage=stage,
            oddities=strange,
            pictures=workspace.inlined(scorecard.cascade, report.shown_records(safe, stage)) if records else None,
            read=read,
        ),
        unblinding=_unblinding(
            workspace,
            scorecard.run,
            waiting.among({*report.shown_records(scorecard, stage), *examples}),
            scorecard,
            lambda said: report.html(scorecard, records=True, left_out=said, stage=stage, oddities=odd, read=read),
        ),
        json=report.numbers_json(scorecard, oddities=strange),
        csv=report.numbers_csv(scorecard),
        markdown=report.markdown(scorecard, oddities=strange),
    )


def of_failures(workspace: Workspace, scorecard: Scorecard, stage: str) -> Offer:
    """The failures of a stage: the report that explains them, and how often each group of records fails."""
    detail = next(detail for detail in scorecard.details if detail.stage == stage)
    rows = [row for row in failures.group_rows(scorecard) if row["stage"] == stage]
    return replace(
        of_run(workspace, scorecard, stage),
        name=f"{scorecard.cascade}-{scorecard.run}-{stage}",
        json=views.to_json(replace(detail, rows=())),
        csv=report.rows_csv(rows),
        markdown="",
    )


def of_agreement(scorecard: Scorecard, *, headline: str, stage: str, notes: Sequence[str]) -> Offer:
    """How far people agree at every stage."""
    rows = report.agreement_rows(scorecard)
    return Offer(
        name=f"{scorecard.cascade}-{scorecard.run}-agreement",
        report=lambda _: report.agreement_html(scorecard, headline=headline, stage=stage, notes=notes),
        json=views.to_json(rows),
        csv=report.rows_csv(rows),
    )


def of_comparison(workspace: Workspace, view: Comparison) -> Offer:
    """A comparison of two runs."""
    from stagegap.analysis.compare import comparison_sheet

    waiting = workspace.failures.open_records(view.cascade, report.changed_records(view))
    safe, left_out = report.without_changes(view, waiting.records), waiting.left_out(view.noun)
    count = counted(report.shown_changes(safe), view.noun)
    return Offer(
        name=f"{view.cascade}-{view.before}-{view.after}",
        texts=f"{count} that got worse: what both runs answered, and what is right",
        left_out=left_out,
        report=lambda records: report.comparison_html(safe, records=records, left_out=left_out),
        unblinding=_unblinding(
            workspace,
            view.after,
            waiting,
            view,
            lambda said: report.comparison_html(view, records=True, left_out=said),
        ),
        json=views.to_json(report.textless_changes(view)),
        csv=report.rows_csv(comparison_sheet(view).rows()),
        markdown=report.comparison_markdown(view),
    )


def of_oddities(workspace: Workspace, scorecard: Scorecard, noticing: Noticing) -> Offer:
    """What looks strange in a run: its report with the open cards, and the figures of all."""
    from stagegap.oddities.screen import card_rows

    rows = card_rows(report.nameless(noticing))
    return replace(
        of_run(workspace, scorecard),
        name=f"{scorecard.cascade}-{scorecard.run}-oddities",
        json=views.to_json(rows),
        csv=report.rows_csv(rows),
        markdown=report.odd_markdown(report.nameless(noticing)),
    )


def _unblinding(
    workspace: Workspace,
    run: str,
    visible: OpenRecords,
    view: Scorecard | Comparison,
    draw: Callable[[str], str],
) -> Unblinding | None:
    """The report with the records that somebody has yet to answer; None where there are none. `draw` takes a remark."""
    if not visible.people:
        return None
    said = visible.revealed(view.noun)
    return Unblinding(
        what=f"Also {counted(len(visible.records), view.noun)} that somebody has yet to answer",
        sentence=said,
        report=lambda: draw(said),
        reveal=lambda: workspace.failures.reveal(view.cascade, run, visible),
    )


ICON = ":material/ios_share:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unblinding:
    """A report that shows what somebody has yet to answer."""

    what: str
    """What is shown besides, for a switch."""
    sentence: str
    """Who is no longer blind to it."""
    report: Callable[[], str]
    reveal: Callable[[], None]
    """Notes that they are not: their queues leave it out from then on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a page gives away."""

    name: str
    """Of the files, without ending."""
    report: Callable[[bool], str]
    """Gives one HTML document, with or without texts of records."""
    json: str
    csv: str
    markdown: str = ""
    """Empty where the page has no such form."""
    texts: str = ""
    """What the report shows of records when it is asked for them, as `10 failures: ...`; empty where it has none."""
    left_out: str = ""
    """Says which records are left out, because people are still to label them."""
    unblinding: Unblinding | None = None
    """The report with those records all the same; None where none is left out."""
    lacks: str = ""
    """Says what the files lack for now."""


def button(offer: Callable[[], Offer], **link: str) -> None:
    """Draw the button that opens the dialog; `link` has parameters of the address that are left to a default."""
    if _asked():
        _dialog(offer, link)


def link_button(why: str) -> None:
    """Draw the button for a page that gives its link away and nothing else; `why` says why."""
    if _asked():
        _link(why)


def _asked() -> bool:
    """True when the button was pressed; the page draws itself anew for nothing else until the dialog is closed."""
    is_open = streamlit.button("Share", icon=ICON)
    state.dialog(is_open=is_open)
    return is_open


def _closed() -> None:
    state.dialog(is_open=False)


@streamlit.dialog("Share", on_dismiss=_closed)
def _link(why: str) -> None:
    _address({})
    elements.note(why)


@streamlit.dialog("Share", on_dismiss=_closed)
def _dialog(offer: Callable[[], Offer], link: dict[str, str]) -> None:
    """Offer a link, the report and the numbers; texts of records leave the machine only when asked for."""
    _address(link)
    offered = offer()
    if offered.lacks:
        elements.note(offered.lacks)
    with_records = bool(offered.texts) and streamlit.checkbox(f"With the texts of {offered.texts}")
    unblinding = offered.unblinding if with_records else None
    if unblinding is not None and streamlit.checkbox(unblinding.what):
        elements.note(f"Once you download it, {unblinding.sentence}")
        _download(
            "Download report", unblinding.report(), f"{offered.name}.html", "text/html", on_click=unblinding.reveal
        )
    else:
        if offered.left_out:
            elements.note(offered.left_out)
        _download("Download report", offered.report(with_records), f"{offered.name}.html", "text/html")
    elements.note("One file for any browser and for paper: no script, nothing loaded from outside.")
    with streamlit.container(horizontal=True):
        _download("Numbers (JSON)", offered.json, f"{offered.name}.json", "application/json")
        _download("Numbers (CSV)", offered.csv, f"{offered.name}.csv", "text/csv")
        if offered.markdown:
            _download("Markdown", offered.markdown, f"{offered.name}.md", "text/markdown")
    elements.note("These hold no text of a record.")


def _address(link: dict[str, str]) -> None:
    elements.note("The link of this page, for who can reach this app:")
    elements.address(state.link(**link))


def _download(
    label: str, text: str, name: str, kind: str, *, on_click: Callable[[], None] | Literal["ignore"] = "ignore"
) -> None:
    streamlit.download_button(
        label, redaction.words(text), file_name=name, mime=kind, icon=":material/download:", on_click=on_click
    )
