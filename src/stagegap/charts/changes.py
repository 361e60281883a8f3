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
    scale = _scale([stage for stage in rows if _is_drawn(stage)])
    drawn = [_row(stage, scale) for stage in rows]
    ticks = "".join(f'<span style="{scale.left(tick)}">{figures.points(tick)}</span>' for tick in scale.ticks)
    axis = f'<tr aria-hidden="true"><td></td><td><div class="t ax">{ticks}</div></td></tr>'
    sides = f"{escape(view.before)} to {escape(view.after)}, in points. Left of 0: worse. Right: better."
    key = (
        '<div class="key"><span><i class="dot"></i>change</span><span><i class="band"></i>95% interval</span>'
        f"<span>{sides}</span></div>"
    )
    caption = f"Change of the outcome and of each stage from {view.before} to {view.after}"
    return f'<div class="bc">{key}{table(kind="ch", caption=caption, rows=[*drawn, axis], heading_width=20)}</div>'


def _is_drawn(stage: StageChange) -> bool:
    return stage.is_compared and stage.claim.change.is_measured


def _scale(rows: list[StageChange]) -> Scale:
    reach = max((abs(end) for stage in rows for end in (stage.claim.change.low, stage.claim.change.high)), default=0.0)
    half = next((half for half in _HALVES if reach <= half), 1.0)
    return Scale(low=-half, high=half, step=max(half / 2, _LEAST))


def _row(stage: StageChange, scale: Scale) -> str:
    head = stage.stage
    if not _is_drawn(stage):
        why = stage.sentence if not stage.is_compared else stage.claim.change.method
        drawing = f'{scale.grid()}<span class="note left">{escape(why)}</span>'
        return row(head=head, says=f"{head}: {why}.", drawing=drawing)
    change, word = stage.claim.change, _WORDS[stage.claim.verdict]
    sides = f"{figures.share(stage.before.value)} to {figures.share(stage.after.value)}"
    says = f"{head}: {sides}, {figures.points(change.value)} points, {figures.interval(change)}, "
    says += f"{change.n:,} records: {word}."
    hot = " hot" if stage.claim.verdict == "regressed" else "" if stage.claim.verdict == "improved" else " soft"
    drawing = (
        f'{scale.grid()}<i class="base" style="{scale.left(0.0)}"></i>'
        f'<i class="band{hot}" style="{scale.between(change.low, change.high)}"></i>'
        f'<i class="c dot{hot}" style="{scale.left(change.value)}"></i>'
        f'<span class="n up" style="{scale.left(change.value)}">{figures.points(change.value)}</span>'
        f'<span class="note end">{escape(word)}<br>{figures.span(change)}, n {change.n:,}<br>{sides}</span>'
    )
    return row(head=head, says=says, drawing=drawing, classes=("few",) if stage.claim.verdict == "too few" else ())


def flips(view: Comparison) -> str:
    """Draw what became of the records: right or wrong before, right or wrong after."""
    heads = ("stayed right", "right to wrong", "wrong to right", "stayed wrong")
    body = "".join(
        f'<tr><th scope="row">{escape(stage.stage)}</th>'
        + "".join(f"<td>{count:,}</td>" for count in _counts(stage))
        + "</tr>"
        for stage in (view.outcome, *view.stages)
        if stage.is_compared
    )
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    between = f"{escape(view.before)} and are in {escape(view.after)}"
    return (
        f'<div class="bc"><table class="mx"><caption class="sr">Records by what they were in {between}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _counts(stage: StageChange) -> tuple[int, int, int, int]:
    return stage.flips.stayed_right, stage.flips.broken, stage.flips.fixed, stage.flips.stayed_wrong


def changed_record(record: ChangeRow, view: Comparison) -> str:
    """Draw one record whose output changed: before, after and what is right, to be opened."""
    scores = f"{figures.share(record.score_before)} to {figures.share(record.score_after)}"
    return (
        f"<details><summary><code>{escape(record.record)}</code> {escape(record.title)} ({scores})</summary><dl>"
        f"<dt>{escape(view.before)}, score {figures.share(record.score_before)}</dt><dd>{escape(record.before)}</dd>"
        f"<dt>{escape(view.after)}, score {figures.share(record.score_after)}</dt><dd>{escape(record.after)}</dd>"
        f"<dt>Reference</dt><dd>{escape(record.reference)}</dd></dl></details>"
    )


def worst_list(view: Comparison) -> ChangeLists | None:
    """The records to read first: what got worse at the end, or else at the first stage where some did."""
    return next((lists for lists in view.lists if lists.worse), None)
