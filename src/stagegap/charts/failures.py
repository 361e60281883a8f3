"""The records at which a stage was not acceptable, most typical first."""

from __future__ import annotations

from html import escape

from stagegap.analysis.views import FailureRow, StageDetail


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


def _row(failure: FailureRow) -> str:
    first = '<small title="first stage to go wrong"> first fault</small>' if failure.first_fault else ""
    return (
        f'<tr class="pick"><th scope="row"><button type="button" data-v="{escape(failure.record)}">'
        f"{escape(failure.title)}</button></th><td>{escape(failure.reference)}</td>"
        f"<td>{escape(failure.system)}{first}</td><td><code>{escape(failure.record)}</code></td></tr>"
    )
