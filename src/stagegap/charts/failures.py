"""The records at which a stage was not acceptable, most typical first.

Nothing in the list says what anybody answered: a person who is still to label a record must not see that here.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from stagegap.analysis.views import FailureRow, StageDetail
from stagegap.tables import figures


def failures(detail: StageDetail, *, noun: str, link: Callable[[str], str]) -> str:
    """Draw the list of failures; each row leads to the address that `link` gives for its record."""
    if not detail.rows:
        return '<div class="bc"><p class="none">No failures at this stage.</p></div>'
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in (noun.capitalize(), "Score", "Id"))
    rows = "".join(_row(failure, link(failure.record)) for failure in detail.rows)
    return (
        f'<div class="bc"><div class="scroll"><table class="fl"><caption class="sr">Failures of {escape(detail.stage)}'
        f", most typical first</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div></div>"
    )


def _row(failure: FailureRow, link: str) -> str:
    first = ' <small class="hot">first fault</small>' if failure.first_fault else ""
    return (
        f'<tr class="pick"><th scope="row"><a href="{escape(link)}" target="_self">{escape(failure.title)}</a>{first}'
        f"</th><td>{figures.share(failure.score)}</td><td><code>{escape(failure.record)}</code></td></tr>"
    )
