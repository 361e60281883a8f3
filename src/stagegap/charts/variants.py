"""Variants of one cascade side by side: the outcome of each with its interval, best first."""

from __future__ import annotations

from html import escape

from stagegap.analysis.variants import VariantRow, VariantsView
from stagegap.charts.marks import Scale, row, table
from stagegap.tables import figures

_SCALE = Scale()


def variants(view: VariantsView) -> str:
    """Draw a dot and an interval for each variant; the ranks that the data do not exclude stand beside it."""
    caption = f"{view.outcome}, variant by variant, best first"
    rows = [_row(variant, leads=variant.variant in view.leaders) for variant in view.rows]
    key = (
        '<div class="key" aria-hidden="true"><span><i class="dot"></i>may be the best</span>'
        '<span><i class="dot soft"></i>behind</span><span><i class="band"></i>95% interval</span></div>'
    )
    drawn = table(kind="va", caption=caption, rows=[*rows, _SCALE.axis()], heading_width=26)
    return f'<div class="bc">{key}{drawn}</div>'


def rank(variant: VariantRow) -> str:
    """The ranks of a variant that the data do not exclude: `1`, `1 to 3`; empty where nothing was measured."""
    if variant.best is None or variant.worst is None:
        return ""
    return f"{variant.best}" if variant.best == variant.worst else f"{variant.best} to {variant.worst}"


def _row(variant: VariantRow, *, leads: bool) -> str:
    outcome = variant.outcome
    if not outcome.is_measured:
        why = variant.error or outcome.method
        return row(
            head=variant.variant,
            says=f"{variant.variant}: {why}.",
            drawing=f'{_SCALE.grid()}<span class="note left">{escape(why)}</span>',
        )
    soft = "" if leads else " soft"
    numbers = (
        f"{figures.share(outcome.value)}, {figures.interval(outcome)}, {outcome.n:,} records, rank {rank(variant)}"
    )
    drawing = (
        f'{_SCALE.grid()}<i class="band{soft}" style="{_SCALE.between(outcome.low, outcome.high)}"></i>'
        f'<i class="c dot{soft}" style="{_SCALE.left(outcome.value)}"></i>'
        f'<span class="n up" style="{_SCALE.left(outcome.value)}">{figures.share(outcome.value)}</span>'
        f'<span class="note end">rank {escape(rank(variant))}<br>{figures.span(outcome)}, n {outcome.n:,}</span>'
    )
    return row(head=variant.variant, says=f"{variant.variant}: {numbers}.", drawing=drawing)
