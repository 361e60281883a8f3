"""What was expected beside what came."""

from __future__ import annotations

from html import escape

from stagegap.analysis.changes.ledger import Ledger, LedgerRow
from stagegap.tables import figures


def ledger(view: Ledger) -> str:
    """Draw one row an expectation, newest first."""
    if not view.rows:
        return '<div class="bc"><p class="none">Nothing was expected yet.</p></div>'
    heads = ("Change", "Expected", "Came", "Verdict", "Because")
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    body = "".join(_row(row) for row in view.rows)
    return (
        '<div class="bc"><div class="scroll" tabindex="0" role="region" aria-label="What was expected, what came">'
        f'<table class="an led"><caption class="sr">What was expected beside what came, newest first</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


def _row(row: LedgerRow) -> str:
    hope = row.expectation
    between = (
        "" if hope.low is None or hope.high is None else f" <small>({figures.between(hope.low, hope.high)})</small>"
    )
    came = (
        f"{figures.points(row.came.value)} <small>({figures.span(row.came)})</small>"
        if row.came.is_measured
        else "not yet"
    )
    if row.run and not row.came.is_measured:
        came = escape(row.came.method)
    hot = ' class="hot"' if row.verdict == "less than expected" else ""
    verdict = "" if row.verdict == "not measured" else f"<small{hot}>{row.verdict}</small>"
    who = f"<br><small>{escape(hope.who)}</small>" if hope.who else ""
    return (
        f'<tr><th scope="row">{escape(hope.place)}<br><small>{escape(hope.baseline)} → {escape(row.run or "?")}</small>'
        f"</th><td>{figures.points(hope.predicted)}{between}</td><td>{came}</td><td>{verdict}</td>"
        f"<td>{escape(hope.reason)}{who}</td></tr>"
    )
