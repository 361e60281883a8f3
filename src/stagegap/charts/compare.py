"""Two runs: differences around 0, the records behind them, and what was expected beside what came."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from stagegap import redaction
from stagegap.analysis.changes import ChangeLists, ChangeRow, Comparison, ConfigChange, StageChange
from stagegap.analysis.ledger import Ledger, LedgerRow
from stagegap.analysis.record_view import word_difference
from stagegap.charts.content import (
    Manner,
    Pictures,
    column_heads,
    differing_html,
    scroll_table,
    small_picture,
    value_html,
)
from stagegap.charts.gap import around_zero, change_row
from stagegap.charts.marks import Chart, Key, Row, Scale, breakable
from stagegap.tables import figures

_HALVES = (0.05, 0.1, 0.2, 0.5, 1.0)
"""What the axis may reach to both sides: 5 points at least, so that a change of a point does not fill the page."""
_LEAST = 0.05
"""Between two grid lines."""


def changes_chart(view: Comparison) -> Chart:
    """The change of the outcome, then of each stage, in points around 0; to the right is better."""
    rows = (view.outcome, *view.stages)
    sides = f"{view.before} to {view.after}, in points. Left of 0: worse. Right: better."
    return Chart(
        kind="ch",
        caption=f"Change of the outcome and of each stage from {view.before} to {view.after}",
        scale=_scale([stage for stage in rows if _is_drawn(stage)]),
        rows=tuple(_stage_row(stage) for stage in rows),
        key=(Key(text="change", shape="dot"), Key(text="95% interval", shape="band"), Key(text=sides)),
    )


def changes(view: Comparison) -> str:
    """Draw the change of the outcome and of each stage."""
    return changes_chart(view).html()


def _is_drawn(stage: StageChange) -> bool:
    return stage.is_compared and stage.claim.change.is_measured


def _scale(rows: list[StageChange]) -> Scale:
    reach = max((abs(end) for stage in rows for end in (stage.claim.change.low, stage.claim.change.high)), default=0.0)
    half = next((half for half in _HALVES if reach <= half), 1.0)
    return around_zero(half, max(half / 2, _LEAST))


def _stage_row(stage: StageChange) -> Row:
    head = stage.stage
    if not _is_drawn(stage):
        why = stage.sentence if not stage.is_compared else stage.claim.change.method
        return Row(head=head, says=f"{head}: {why}.", note=why)
    if not (stage.before.is_measured and stage.after.is_measured):
        # Every output is the same, so the change is known to be 0 where too little is known of the score itself.
        return change_row(head, stage.claim)
    sides = f"{figures.share(stage.before.value)} to {figures.share(stage.after.value)}"
    return change_row(head, stage.claim, more=(sides,), says=f"{sides}, ")


def flips(view: Comparison) -> str:
    """Draw what became of the records: right or wrong before, right or wrong after."""
    heads = ("stayed right", "right to wrong", "wrong to right", "stayed wrong")
    body = "".join(
        f'<tr><th scope="row">{breakable(stage.stage)}</th>'
        + "".join(f"<td>{count:,}</td>" for count in _counts(stage))
        + "</tr>"
        for stage in (view.outcome, *view.stages)
        if stage.is_compared
    )
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    between = f"{escape(view.before)} and are in {escape(view.after)}"
    return (
        f'<div class="bc"><div class="scroll wide" tabindex="0" role="region" aria-label="Right and wrong, before and '
        f'after"><table class="mx"><caption class="sr">Records by what they were in {between}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


def _counts(stage: StageChange) -> tuple[int, int, int, int]:
    return stage.flips.stayed_right, stage.flips.broken, stage.flips.fixed, stage.flips.stayed_wrong


def changed_record(record: ChangeRow, view: Comparison, pictures: Pictures | None = None) -> str:
    """Draw one record whose output changed: before, after and what is right, to be opened."""
    scores = f"{figures.share(record.score_before)} to {figures.share(record.score_after)}"
    return (
        f"<details><summary><code>{escape(record.record)}</code> {escape(record.title)} ({scores})</summary>"
        f"{small_picture(pictures, record.record)}<dl>"
        f"<dt>{escape(view.before)}, score {figures.share(record.score_before)}</dt><dd>{_printed(record.before)}</dd>"
        f"<dt>{escape(view.after)}, score {figures.share(record.score_after)}</dt><dd>{_printed(record.after)}</dd>"
        f"<dt>Reference</dt><dd>{_printed(record.reference)}</dd></dl></details>"
    )


def _printed(text: str) -> str:
    return f'<div class="v">{value_html(text, Manner(gate=redaction.words))}</div>'


def worst_list(view: Comparison) -> ChangeLists | None:
    """The records to read first: what got worse at the end, or else at the first stage where some did."""
    return next((lists for lists in view.lists if lists.worse), None)


_FLIPS = {"broken": "right to wrong", "fixed": "wrong to right", "none": ""}


def change_list(
    rows: Sequence[ChangeRow], *, what: str, noun: str, chosen: str | None, pictures: Pictures | None = None
) -> str:
    """Draw the records behind a change; nothing in the list says what anybody answered."""
    if not rows:
        return f'<div class="bc"><p class="none">No {escape(noun)}: {escape(what)}.</p></div>'
    body = "".join(
        _record_row(row, is_chosen=row.record == chosen, picture=small_picture(pictures, row.record)) for row in rows
    )
    heads = column_heads(noun.capitalize(), "Score")
    return scroll_table(heads, body, caption=what, table="fl ls cl", label=what, box="scroll long")


def _record_row(row: ChangeRow, *, is_chosen: bool, picture: str) -> str:
    current = ' aria-current="true"' if is_chosen else ""
    flip = f"<b>{_FLIPS[row.flip]}</b>" if row.flip != "none" else ""
    change = figures.points(row.score_after - row.score_before)
    return (
        f'<tr class="pick{" on" if is_chosen else ""}"><th scope="row">{picture}<button type="button" '
        f'data-v="{escape(row.record)}"{current}>{escape(row.title)}</button>'
        f'<div class="notes"><code>{escape(row.record)}</code> {flip}</div></th>'
        f"<td>{figures.share(row.score_before)} → {figures.share(row.score_after)}<br><small>{change}</small></td></tr>"
    )


def flip_table(row: StageChange, view: Comparison, *, chosen: str | None) -> str:
    """Draw the 2x2 table of a stage: was right or wrong, is right or wrong; the changed counts lead to their lists."""
    flips = row.flips
    was, now = breakable(view.before), breakable(view.after)

    def cell(count: int, value: str) -> str:
        on = ' aria-current="true"' if value == chosen else ""
        word = "broken" if value == "worse" else "fixed"
        return (
            f'<td class="go{" on" if value == chosen else ""}"><button type="button" data-v="{value}"{on}>'
            f"<b>{count:,}</b> <small>{word}</small></button></td>"
        )

    heads = f'<th scope="col">right in {now}</th><th scope="col">wrong in {now}</th>'
    right = f'<th scope="row">right in {was}</th><td><b>{flips.stayed_right:,}</b></td>{cell(flips.broken, "worse")}'
    wrong = f'<th scope="row">wrong in {was}</th>{cell(flips.fixed, "better")}<td><b>{flips.stayed_wrong:,}</b></td>'
    return (
        f'<div class="bc"><table class="mx four"><caption class="sr">{escape(row.stage)}: right and wrong in '
        f"{escape(view.before)} and {escape(view.after)}</caption><thead><tr><td></td>{heads}</tr></thead>"
        f"<tbody><tr>{right}</tr><tr>{wrong}</tr></tbody></table></div>"
    )


def answers_of_both(row: ChangeRow, view: Comparison, *, stage: str, marked: bool = True) -> str:
    """Draw what a stage answered to a record in both runs, side by side, with the reference under them.

    What only the earlier answer has is marked `−` (gone), what only the later one has `+` (new).
    """
    difference = word_difference(row.after, row.before) if marked else None
    new = differing_html(
        row.after, row.before, difference.system if difference else None, kind="extra", words={"extra": "new"}
    )
    old = differing_html(
        row.before, row.after, difference.reference if difference else None, kind="missing", words={"missing": "gone"}
    )
    return (
        f'<div class="bc"><section class="sb"><h3>{escape(stage)} <small>score {figures.share(row.score_before)} → '
        f'{figures.share(row.score_after)}</small></h3><div class="two"><div><h4>{escape(view.before)}</h4>'
        f'<div class="ans v">{old}</div></div><div><h4>{escape(view.after)}</h4><div class="ans v">{new}</div></div>'
        "</div>"
        f'<h4>Reference</h4><div class="ans v">{value_html(row.reference) if row.reference else "none"}</div></section>'
        "</div>"
    )


def settings(rows: Sequence[ConfigChange], view: Comparison) -> str:
    """Draw settings of both runs beside each other; what differs is marked by a word, too."""
    if not rows:
        return '<div class="bc"><p class="none">No setting differs.</p></div>'
    differ = [setting.before != setting.after for setting in rows]
    body = "".join(
        _setting(setting, says_so=differs and not all(differ)) for setting, differs in zip(rows, differ, strict=True)
    )
    head = f'<th scope="col">{escape(view.before)}</th><th scope="col">{escape(view.after)}</th>'
    return (
        '<div class="bc"><div class="scroll long" tabindex="0" role="region" aria-label="Settings of both runs">'
        f'<table class="an set"><caption class="sr">Settings of both runs</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


def _setting(setting: ConfigChange, *, says_so: bool) -> str:
    before, after = ("not there" if value is None else escape(value) for value in (setting.before, setting.after))
    note = " <small>differs</small>" if says_so else ""
    if setting.lines:
        lines = f'<pre class="lines">{escape(setting.lines)}</pre>'
        return f'<tr><th scope="row">{escape(setting.path)}{note}</th><td colspan="2">{lines}</td></tr>'
    return f'<tr><th scope="row">{escape(setting.path)}{note}</th><td>{before}</td><td>{after}</td></tr>'


def ledger(view: Ledger) -> str:
    """Draw one row an expectation, newest first."""
    if not view.rows:
        return '<div class="bc"><p class="none">Nothing was expected yet.</p></div>'
    heads = column_heads("Change", "Expected", "Came", "Verdict", "Because")
    body = "".join(_ledger_row(row) for row in view.rows)
    caption = "What was expected beside what came, newest first"
    return scroll_table(heads, body, caption=caption, table="an led", label="What was expected, what came")


def _ledger_row(row: LedgerRow) -> str:
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
    tag = "b" if row.verdict == "less than expected" else "small"
    verdict = "" if row.verdict == "not measured" else f"<{tag}>{row.verdict}</{tag}>"
    who = f"<br><small>{escape(hope.who)}</small>" if hope.who else ""
    return (
        f'<tr><th scope="row">{escape(hope.place)}<br><small>{escape(hope.baseline)} → {escape(row.run or "?")}</small>'
        f"</th><td>{figures.points(hope.predicted)}{between}</td><td>{came}</td><td>{verdict}</td>"
        f"<td>{escape(hope.reason)}{who}</td></tr>"
    )
