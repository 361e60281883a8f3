"""Two runs, or a night of variants, as one file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from stagegap import charts
from stagegap.analysis import views
from stagegap.analysis.changes import ChangeRow, Comparison
from stagegap.analysis.compare import comparison_sheet
from stagegap.analysis.variants import VariantRow, VariantsView
from stagegap.model.wording import counted, plural
from stagegap.report.page import page, part, section, small
from stagegap.tables import figures
from stagegap.tables.table import literal, table_markdown

SHOWN = 25
"""Changed records whose texts the report shows."""


def comparison_html(
    view: Comparison, *, records: bool, left_out: str = "", pictures: charts.Pictures | None = None
) -> str:
    """The whole report as one HTML document; without `records` it holds no text of a record.

    `left_out` says what was taken out by `without_changes`, and for whom. A comparison that is
    refused says why, and shows no figure.
    """
    if view.refusal is not None and not view.is_accepted:
        reasons = [part("sentence", reason) for reason in (*view.refusal.reasons, view.refusal.offer)]
        return page(_refused(view), [part("title", _refused(view)), *reasons])
    parts = [
        part("title", view.headline),
        part("sentence", view.summary),
        small(f"{view.cascade}, {view.before} and {view.after}, {counted(view.n, view.noun)} in both."),
        section("What changed, stage by stage", charts.changes(view)),
        section(f"What became of the {plural(view.noun, 2)}", charts.flips(view)),
        section("Settings that differ", charts.settings(view.config, view)),
        *(_worst(view, left_out, pictures) if records else []),
        section("How these numbers were made", small(*_method(view))),
    ]
    return page(view.headline, parts, data=_data(view, records=records))


def comparison_markdown(view: Comparison) -> str:
    """The headline and one table as Markdown, for a pull request; it holds no text of a record."""
    if view.refusal is not None and not view.is_accepted:
        lines = [f"## {literal(_refused(view))}", *map(literal, (*view.refusal.reasons, view.refusal.offer))]
        return "\n\n".join(line for line in lines if line) + "\n"
    lines = [f"## {literal(view.headline)}", literal(view.summary), table_markdown(comparison_sheet(view).tables[0])]
    return "\n\n".join([*lines, f"{literal(view.cascade)}. {literal(' '.join(_method(view)))}"]) + "\n"


def _refused(view: Comparison) -> str:
    return f"{view.before} and {view.after} can't be compared as they are"


def without_changes(view: Comparison, records: Collection[str]) -> Comparison:
    """Take records out of the lists of changes; no figure changes."""
    lists = (
        replace(lists, **{name: _kept(getattr(lists, name), records) for name in ("worse", "better", "changed_only")})
        for lists in view.lists
    )
    return replace(view, lists=tuple(lists))


def textless_changes(view: Comparison) -> Comparison:
    """Take out all texts of records; no figure changes."""
    return without_changes(view, changed_records(view))


def changed_records(view: Comparison) -> frozenset[str]:
    """The records that the lists of changes hold."""
    rows = (row for lists in view.lists for row in (*lists.worse, *lists.better, *lists.changed_only))
    return frozenset(row.record for row in rows)


def _kept(rows: tuple[ChangeRow, ...], left_out: Collection[str]) -> tuple[ChangeRow, ...]:
    return tuple(row for row in rows if row.record not in left_out)


def shown_changes(view: Comparison) -> int:
    """Count the records whose texts `comparison_html` shows when it is asked for records."""
    lists = charts.worst_list(view)
    return len(lists.worse[:SHOWN]) if lists is not None and _is_readable(view) else 0


def _is_readable(view: Comparison) -> bool:
    return view.refusal is None or view.is_accepted


def _worst(view: Comparison, left_out: str, pictures: charts.Pictures | None) -> list[str]:
    lists = charts.worst_list(view)
    if lists is None:
        return [small(left_out)]
    worst = lists.worse[:SHOWN]
    heading = f"Got worse at {lists.stage}: {lists.n_worse:,}, the worst {len(worst)} first"
    rows = "\n".join(charts.changed_record(row, view, pictures) for row in worst)
    return [section(heading, small(left_out) + rows)]


def _method(view: Comparison) -> list[str]:
    return [
        f"Outcome: {view.outcome_name}. Paired on records that both runs saw, with the same content and references.",
        f"Intervals: 95%, from {view.resamples:,} paired resamples of whole clusters, seed {view.seed}. "
        f"Better and worse are claimed after Holm's correction over {view.claims} claims.",
    ]


def _data(view: Comparison, *, records: bool) -> dict[str, Any]:  # Any: JSON of any depth
    plain = views.plain(view)
    worst = charts.worst_list(view)
    for lists in plain["lists"]:
        for name in ("worse", "better", "changed_only"):
            is_shown = records and worst is not None and lists["stage"] == worst.stage and name == "worse"
            lists[name] = lists[name][:SHOWN] if is_shown else []
    return plain


def variants_html(view: VariantsView) -> str:
    """The ranking as one HTML document; it holds no text of a record."""
    parts = [
        part("title", view.headline),
        small(f"{view.cascade}, by {view.outcome}, on {counted(view.records, view.noun)} that every variant answered."),
        section("What to look at first", part("lines", view.morning)) if view.morning else "",
        section("Variants, best first", charts.variants(view)),
        section("What they cost", part("costs", [_cost(row) for row in view.rows])),
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
    return page(view.headline, parts, data=views.plain(view))


def _cost(row: VariantRow) -> tuple[str, tuple[str, ...]]:
    """A variant, and the cells of its row: run, calls, money paid, price of a record alone."""
    price = "not known" if row.is_paid else "nothing"
    if row.price.is_measured:
        low, high = figures.money(row.price.low), figures.money(row.price.high)
        price = f"{figures.money(row.price.value)} ({low} to {high}), n {row.price.n:,}"
    return row.variant, (row.run, f"{row.calls:,}", figures.money(row.dollars), price)
