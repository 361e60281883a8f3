"""Cheaper versions: what each loses at the end beside the margin, and what a record costs."""

from __future__ import annotations

from stagegap.analysis.cheaper import CheaperView, Swap, named, says, spent
from stagegap.charts.gap import around_zero
from stagegap.charts.marks import Chart, Key, Row, at, between
from stagegap.tables import figures

_HALVES = (0.05, 0.1, 0.2, 0.5, 1.0)
"""What the axis may reach to both sides."""


def cheaper_chart(view: CheaperView) -> Chart:
    """The change of the end with each candidate, in points around 0, beside the margin that was written before."""
    swaps = [*view.swaps, *([view.joint] if view.joint is not None else [])]
    ends = [abs(end) for swap in swaps if swap.change.is_measured for end in (swap.change.low, swap.change.high)]
    reach = max([*ends, view.margin or 0.0])
    half = next((half for half in _HALVES if reach <= half), 1.0)
    margin = () if view.margin is None else (Key(text="what may be lost", shape="dotted"),)
    return Chart(
        kind="ch",
        caption=f"Change of the end with each candidate beside {view.base}, and what a {view.noun} costs",
        scale=around_zero(half, max(half / 2, 0.05)),
        rows=tuple(_row(swap, view) for swap in swaps),
        key=(
            Key(text="change", shape="dot"),
            Key(text="90% interval: its left end is the limit", shape="band"),
            *margin,
        ),
        empty="No other version of a stage was run.",
    )


def cheaper(view: CheaperView) -> str:
    """Draw what each candidate loses at the end and what it costs."""
    return cheaper_chart(view).html()


def _row(swap: Swap, view: CheaperView) -> Row:
    head = named(swap)
    change = swap.change
    if not change.is_measured:
        return Row(head=head, says=f"{head}: {change.method}.", note=change.method)
    costs = "; ".join(spent(swap))
    foot = f"A {view.noun} costs {costs}." if costs else "What it costs is not known."
    figure, span = figures.points(change.value), figures.interval(change)
    tone = "system" if swap.standing in ("not worse", "worse") else "soft"
    may_lose = () if view.margin is None else (between("dotted", (-view.margin, 0.0), tone="soft", role="may be lost"),)
    return Row(
        head=head,
        says=f"{head}: {figure} points at the end, {span}, {change.n:,} records: {says(swap)}. {foot}",
        marks=(
            at("rule", 0.0, tone="soft", role="no change"),
            *may_lose,
            between("band", (change.low, change.high), tone=tone, role="90% interval"),
            at("dot", change.value, tone=tone, role="change"),
        ),
        end=(f"{figure}, {says(swap)}", f"({figures.span(change)}, n {change.n:,})"),
        foot=foot,
    )
