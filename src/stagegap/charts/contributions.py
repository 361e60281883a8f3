"""Which stages a difference comes from: what each new version contributes, around 0."""

from __future__ import annotations

from html import escape

from stagegap.analysis.changes.views import Claim, StageShare, WhatChanged
from stagegap.analysis.wording import counted
from stagegap.charts.marks import Scale, row, table
from stagegap.tables import figures

_WORDS = {"improved": "better", "regressed": "worse", "tied": "no measurable difference", "too few": "too few to read"}
_STEPS = (0.025, 0.05, 0.1, 0.25, 0.5)


def contributions(view: WhatChanged) -> str:
    """Draw the contribution of each stage that changed, and their sum; to the right is better."""
    rows = [row_ for row_ in view.stages if row_.status == "changed"]
    if not rows:
        return '<div class="bc"><p class="none">No stage that reaches the outcome changed.</p></div>'
    scale = _scale([share.claim for share in rows] + [view.total])
    whole = view.printed
    drawn = [_row(share.stage, share.claim, scale, _more(share), whole.get(share.stage)) for share in rows]
    drawn.append(_row("in all", view.total, scale, "", None))
    ticks = "".join(f'<span style="{scale.left(tick)}">{figures.points(tick)}</span>' for tick in scale.ticks)
    axis = f'<tr aria-hidden="true"><td></td><td><div class="t ax">{ticks}</div></td></tr>'
    sides = (
        f"points of the outcome from {escape(view.before)} to {escape(view.after)}. Left of 0: worse. Right: better."
    )
    key = (
        '<div class="key"><span><i class="dot"></i>contribution</span><span><i class="band"></i>95% interval</span>'
        f"<span>{sides}</span></div>"
    )
    caption = f"What each stage contributes to the change from {view.before} to {view.after}"
    return f'<div class="bc">{key}{table(kind="ch", caption=caption, rows=[*drawn, axis], heading_width=20)}</div>'


def contributions_note(view: WhatChanged) -> str:
    """Say how the contributions were made, and which stage's gain depends on another's version."""
    how = f"{view.orders:,} sampled orders" if view.orders else "every mixture of the two versions"
    start = f"Shapley values over {how}, on {counted(view.n, view.noun)}; they add up to the difference."
    pairs = [
        f"{pair.later} gains {figures.points(pair.claim.change.value)} ({figures.span(pair.claim.change)}) more "
        f"beside the new {pair.earlier} than beside the old one."
        for pair in view.pairs
        if pair.claim.verdict in ("improved", "regressed")
    ]
    return " ".join([start, *pairs])


def _scale(claims: list[Claim]) -> Scale:
    reach = max(
        (abs(end) for claim in claims if claim.change.is_measured for end in (claim.change.low, claim.change.high)),
        default=0,
    )
    step = next(step for step in _STEPS if reach <= 2 * step or step == _STEPS[-1])
    return Scale(low=-2 * step, high=2 * step, step=step)


def _more(share: StageShare) -> str:
    return f"<br>{share.fixed:,} fixed, {share.broken:,} broken"


def _row(head: str, claim: Claim, scale: Scale, more: str, whole: int | None) -> str:
    change, word = claim.change, _WORDS[claim.verdict]
    if not change.is_measured:
        return row(
            head=head,
            says=f"{head}: {change.method}.",
            drawing=f'{scale.grid()}<span class="note left">{escape(change.method)}</span>',
        )
    figure = figures.points(change.value) if whole is None else figures.signed(whole)
    hot = " hot" if claim.verdict == "regressed" else "" if claim.verdict == "improved" else " soft"
    drawing = (
        f'{scale.grid()}<i class="base" style="{scale.left(0.0)}"></i>'
        f'<i class="band{hot}" style="{scale.between(change.low, change.high)}"></i>'
        f'<i class="c dot{hot}" style="{scale.left(change.value)}"></i>'
        f'<span class="n up" style="{scale.left(change.value)}">{figure}</span>'
        f'<span class="note end">{escape(word)}<br>{figures.span(change)}, n {change.n:,}{more}</span>'
    )
    says = f"{head}: {figure} points, {figures.interval(change)}, {change.n:,} records: {word}."
    return row(head=head, says=says, drawing=drawing, classes=("few",) if claim.verdict == "too few" else ())
