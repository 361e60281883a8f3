"""A person's own labels, newest first, each with what it replaced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape

from stagegap.analysis.own_labels import OwnLabel


def own_labels(rows: Sequence[OwnLabel], *, noun: str, link: Callable[[OwnLabel], str | None]) -> str:
    """Draw the list; `link` gives the address at which a record is opened again, None where it can't be."""
    if not rows:
        return '<div class="bc"><p class="none">You have no label here yet.</p></div>'
    heads = "".join(f'<th scope="col">{head}</th>' for head in (escape(noun.capitalize()), "You said", "When, UTC"))
    body = "".join(_row(row, link(row)) for row in rows)
    return (
        '<div class="bc"><div class="scroll" tabindex="0" role="region" aria-label="Your labels"><table class="fl own">'
        '<caption class="sr">Your labels, newest first</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


def _row(row: OwnLabel, link: str | None) -> str:
    name = f"<code>{escape(row.record)}</code>"
    head = f'<a href="{escape(link)}" target="_self">{name}</a>' if link else name
    before = f"<br><small>before: {escape('; '.join(row.before))}</small>" if row.before else ""
    at = datetime.fromtimestamp(row.at, UTC)
    return (
        f'<tr{" class=pick" if link else ""}><th scope="row">{head}</th><td>{escape(row.said)}{before}</td>'
        f"<td>{at.day} {at:%b %H:%M}</td></tr>"
    )
