"""What changed between two runs: each stage's difference around 0, and what became of the records."""

from __future__ import annotations

from html import escape

from stagegap.analysis.changes.views import ChangeLists, ChangeRow, Comparison, StageChange
from stagegap.charts.marks import Scale, row, table
from stagegap.tables import figures

_WORDS = {"improved": "better", "regressed": "worse", "tied": "no measurable difference", "too few": "too few to read"}
_HALVES = (0.05, 0.1, 0.2, 0.5, 1.0)
"""What the axis may reach to both sides: 5 points at least, so that a change of a point does not fill the page."""
_LEAST = 0.05
"""Between two grid lines."""


def changes(view: Comparison) -> str:
    """Draw the change of the outcome, then of each stage, in points around 0; to the right is better."""
    rows = (view.outcome, *view.stages)
    scale = _scale([one for one in rows if _is_drawn(one)])
    drawn = [_row(one, scale) for one in rows]
    ticks = "".join(f'<span style="{scale.left(tick)}">{figures.points(tick)}</span>' for tick in scale.ticks)
    axis = f'<tr aria-hidden="true"><td></td><td><div class="t ax">{ticks}</div></td></tr>'
    sides = f"{escape(view.before)} to {escape(view.after)}, in points. Left of 0: worse. Right: better."
    key = (
        '<div class="key"><span><i class="dot"></i>change</span><span><i class="band"></i>95% interval</span>'
        f"<span>{sides}</span></div>"
    )
    caption = f"Change of the outcome and of each stage from {view.before} to {view.after}"
    return f'<div class="bc">{key}{table(kind="ch", caption=caption, rows=[*drawn, axis], heading_width=20)}</div>'


def _is_drawn(one: StageChange) -> bool:
    return one.is_compared and one.claim.change.is_measured


def _scale(rows: list[StageChange]) -> Scale:
    reach = max((abs(end) for one in rows for end in (one.claim.change.low, one.claim.change.high)), default=0.0)
    half = next((half for half in _HALVES if reach <= half), 1.0)
    return Scale(low=-half, high=half, step=max(half / 2, _LEAST))


def _row(one: StageChange, scale: Scale) -> str:
    head = one.stage
    if not _is_drawn(one):
        why = one.sentence if not one.is_compared else one.claim.change.method
        drawing = f'{scale.grid()}<span class="note left">{escape(why)}</span>'
        return row(head=head, says=f"{head}: {why}.", drawing=drawing)
    change, word = one.claim.change, _WORDS[one.claim.verdict]
    sides = f"{figures.share(one.before.value)} to {figures.share(one.after.value)}"
    says = f"{head}: {sides}, {figures.points(change.value)} points, {figures.interval(change)}, "
    says += f"{change.n:,} records: {word}."
    hot = " hot" if one.claim.verdict == "regressed" else "" if one.claim.verdict == "improved" else " soft"
    drawing = (
        f'{scale.grid()}<i class="base" style="{scale.left(0.0)}"></i>'
        f'<i class="band{hot}" style="{scale.between(change.low, change.high)}"></i>'
        f'<i class="c dot{hot}" style="{scale.left(change.value)}"></i>'
        f'<span class="n up" style="{scale.left(change.value)}">{figures.points(change.value)}</span>'
        f'<span class="note end">{escape(word)}<br>{figures.span(change)}, n {change.n:,}<br>{sides}</span>'
    )
    return row(head=head, says=says, drawing=drawing, classes=("few",) if one.claim.verdict == "too few" else ())


def flips(view: Comparison) -> str:
    """Draw what became of the records: right or wrong before, right or wrong after."""
    heads = ("stayed right", "right to wrong", "wrong to right", "stayed wrong")
    body = "".join(
        f'<tr><th scope="row">{escape(one.stage)}</th>'
        + "".join(f"<td>{count:,}</td>" for count in _counts(one))
        + "</tr>"
        for one in (view.outcome, *view.stages)
        if one.is_compared
    )
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    between = f"{escape(view.before)} and are in {escape(view.after)}"
    return (
        f'<div class="bc"><table class="mx"><caption class="sr">Records by what they were in {between}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _counts(one: StageChange) -> tuple[int, int, int, int]:
    return one.flips.stayed_right, one.flips.broken, one.flips.fixed, one.flips.stayed_wrong


def changed_record(found: ChangeRow, view: Comparison) -> str:
    """Draw one record whose output changed: before, after and what is right, to be opened."""
    scores = f"{figures.share(found.score_before)} to {figures.share(found.score_after)}"
    return (
        f"<details><summary><code>{escape(found.record)}</code> {escape(found.title)} ({scores})</summary><dl>"
        f"<dt>{escape(view.before)}, score {figures.share(found.score_before)}</dt><dd>{escape(found.before)}</dd>"
        f"<dt>{escape(view.after)}, score {figures.share(found.score_after)}</dt><dd>{escape(found.after)}</dd>"
        f"<dt>Reference</dt><dd>{escape(found.reference)}</dd></dl></details>"
    )


def worst_list(view: Comparison) -> ChangeLists | None:
    """Give the records to read first: what got worse at the end, or else at the first stage where some did."""
    return next((one for one in view.lists if one.worse), None)
