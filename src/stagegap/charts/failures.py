"""The records at which a stage was not acceptable, most typical first."""

from __future__ import annotations

from html import escape

from stagegap.analysis.views import FailureRow, Scorecard, StageDetail
from stagegap.charts.words import percent


def failures(detail: StageDetail, *, noun: str) -> str:
    """Draw the list of failures; a click anywhere on a row picks its record."""
    if not detail.rows:
        return '<div class="bc"><p class="none">No failures at this stage.</p></div>'
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in (noun.capitalize(), "Reference", "System"))
    rows = "".join(_row(failure) for failure in detail.rows)
    return (
        f'<div class="bc"><div class="scroll"><table class="fl"><caption class="sr">Failures of {escape(detail.stage)}'
        f', most typical first</caption><thead><tr>{heads}<th scope="col">Id</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></div>"
    )


def answers(scorecard: Scorecard, record: str) -> str:
    """Draw what each stage that failed on a record answered, beside the reference."""
    rows = "".join(
        f'<tr><th scope="row">{escape(detail.stage)}{_first(row)}</th><td>{escape(row.system)}</td>'
        f"<td>{escape(row.reference)}</td><td>{percent(row.score)}</td></tr>"
        for detail in scorecard.details
        for row in detail.rows
        if row.record == record
    )
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Failed at", "System", "Reference", "Score"))
    return (
        '<div class="bc"><table class="an"><caption class="sr">Stages that failed on this record</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _first(row: FailureRow) -> str:
    return " <small>first fault</small>" if row.first_fault else ""


def _row(failure: FailureRow) -> str:
    return (
        f'<tr class="pick"><th scope="row"><button type="button" data-v="{escape(failure.record)}">'
        f"{escape(failure.title)}</button></th><td>{escape(failure.reference)}</td>"
        f"<td>{escape(failure.system)}{_first(failure)}</td><td><code>{escape(failure.record)}</code></td></tr>"
    )
