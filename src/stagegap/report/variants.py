"""A night of variants as one file: the ranking with intervals, and what it cost."""

from __future__ import annotations

from html import escape

from stagegap import charts
from stagegap.analysis import codec
from stagegap.analysis.variants import VariantRow, VariantsView
from stagegap.analysis.wording import counted
from stagegap.report.page import page, section, small
from stagegap.tables import figures


def variants_html(view: VariantsView) -> str:
    """The ranking as one HTML document; it holds no text of a record."""
    parts = [
        f"<h1>{escape(view.headline)}</h1>",
        small(f"{view.cascade}, by {view.outcome}, on {counted(view.records, view.noun)} that every variant answered."),
        section("What to look at first", _morning(view)) if view.morning else "",
        section("Variants, best first", charts.variants(view)),
        section("What they cost", _costs(view)),
        section(
            "How these numbers were made",
            small(
                "A rank is the range that the data do not exclude (95%, all variants at once). Intervals are 95%, all "
                "from the same resamples of whole clusters.",
                f"{view.calls:,} calls that count, {figures.money(view.dollars)} paid. A call that two variants have "
                "in common was made once, for the first that needed it.",
            ),
        ),
    ]
    return page(view.headline, parts, data=codec.plain(view))


def _morning(view: VariantsView) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in view.morning)}</ul>"


def _costs(view: VariantsView) -> str:
    heads = ("Run", "Calls", "Paid", "A record alone")
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    rows = "".join(_cost(row) for row in view.rows)
    return (
        '<div class="bc"><table class="mx"><caption class="sr">What each variant cost</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cost(row: VariantRow) -> str:
    price = "not known" if row.is_paid else "nothing"
    if row.price.is_measured:
        low, high = figures.money(row.price.low), figures.money(row.price.high)
        price = f"{figures.money(row.price.value)} ({low} to {high}), n {row.price.n:,}"
    cells = (escape(row.run), f"{row.calls:,}", figures.money(row.dollars), price)
    return f'<tr><th scope="row">{escape(row.variant)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
