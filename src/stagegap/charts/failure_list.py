"""The list of failures to read: a row is one record, and nothing in it says what anybody answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from stagegap.analysis.tags import TagRow, TagTally
from stagegap.analysis.wording import counted, plural, sentence
from stagegap.model.failure import Failure, FailurePage
from stagegap.tables import figures


def failure_list(
    page: FailurePage, *, stage: str, noun: str, chosen: str | None, tags: Mapping[str, Sequence[str]]
) -> str:
    """Draw a page of the list; a click anywhere on a row chooses its record."""
    if not page.rows:
        return f'<div class="bc"><p class="none">No {escape(noun)} fits these filters.</p></div>'
    rows = "".join(_row(failure, failure.record == chosen, tags.get(failure.record, ())) for failure in page.rows)
    return (
        f'<div class="bc"><div class="scroll long" tabindex="0" role="region" aria-label="Failures of {escape(stage)}">'
        f'<table class="fl ls"><caption class="sr">Failures of {escape(stage)}, most typical first</caption>'
        f'<thead><tr><th scope="col">{escape(sentence(noun))}</th><th scope="col">Score</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></div>"
    )


def _row(failure: Failure, is_chosen: bool, tags: Sequence[str]) -> str:
    current = ' aria-current="true"' if is_chosen else ""
    notes = [
        *(['<small class="hot">first fault</small>'] if failure.first_fault else []),
        *(["<small>people disagree</small>"] if failure.disagreed else []),
        *(f'<small class="tag">{escape(tag)}</small>' for tag in tags),
    ]
    return (
        f'<tr class="pick{" on" if is_chosen else ""}"><th scope="row"><button type="button" '
        f'data-v="{escape(failure.record)}"{current}>{escape(failure.title)}</button>'
        f'<div class="notes"><code>{escape(failure.record)}</code> {" ".join(notes)}</div></th>'
        f"<td>{figures.share(failure.score)}</td></tr>"
    )


def list_sentence(page: FailurePage, *, noun: str) -> str:
    """Say which part of the list is here."""
    if not page.rows:
        return ""
    first, last = page.before + 1, page.before + len(page.rows)
    all_here = len(page.rows) == page.total
    return (
        f"{counted(page.total, noun)}, most typical first."
        if all_here
        else f"{first:,} to {last:,} of {page.total:,} {plural(noun, page.total)}, most typical first."
    )


def tag_share(row: TagRow) -> str:
    """How frequent a tag is: `7, 18% (9 to 32)`."""
    if not row.share.is_measured:
        return f"{row.count:,}"
    return f"{row.count:,}, {figures.share(row.share.value)} ({figures.span(row.share)})"


def tag_win(row: TagRow) -> str:
    """What mending a tag would win at most: `at most +14 points (10 to 18)`."""
    if not row.win.is_measured:
        return row.win.method
    return f"at most {figures.points(row.win.value)} points ({figures.span(row.win)})"


def win_sentence(tally: TagTally) -> str:
    """Say what mending the tag that promises most would win; empty when no tag has a number."""
    measured = [row for row in tally.rows if row.win.is_measured and row.count]
    if not measured:
        return ""
    top = max(measured, key=lambda row: row.win.value)
    won = figures.percent(top.win.value)
    return f"Fixing all of {top.tag} would win at most {won} {plural('point', won)} ({figures.span(top.win)})."
