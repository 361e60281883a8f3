"""Variants of one cascade on the same records: which is best, and which can't be told from the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.evidence import Outputs
from stagegap.attribution.ceiling import complete_cases
from stagegap.metrics import CustomMetric
from stagegap.model.answer import Label
from stagegap.model.cascade import Cascade
from stagegap.model.estimate import Estimate
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM
from stagegap.model.wording import counted, listed, ranks, sentence
from stagegap.stats.ranks import rank_sets
from stagegap.stats.resample import RESAMPLES, Resamples, resample
from stagegap.stats.spread import clusters
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Sheet, Table

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What one variant answered."""

    name: str
    run: str
    """Name of its run."""
    cascade: Cascade
    outputs: Outputs
    calls: int
    """Made for this variant; what an earlier one had asked already was not asked again."""
    dollars: float
    """Paid for them, as far as known."""
    is_paid: bool = False
    """True when some of its stages may cost money."""
    error: str = ""
    """Why it ended early; empty when it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantRow:
    """One line of the morning's table."""

    variant: str
    run: str
    outcome: Estimate
    best: int | None
    """Best rank that is not excluded, all variants at once; None where nothing is measured."""
    worst: int | None
    price: Estimate
    """US dollars a record as if the variant had run alone; not measured where no call has a price."""
    is_paid: bool
    calls: int
    dollars: float
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantsView:
    """Variants side by side, best first."""

    cascade: str
    noun: str
    outcome: str
    """In words."""
    headline: str
    records: int
    """Records with an outcome in every variant: the ranking rests on them."""
    rows: tuple[VariantRow, ...]
    leaders: tuple[str, ...]
    """Variants that may be the best: the ranks of which start at 1."""
    calls: int
    dollars: float
    groups: tuple[tuple[str, ...], ...] = ()
    """Variants that can't be told apart, best group first: the ranks of two groups share none."""
    look_first: tuple[str, ...] = ()
    """What to read in the morning, as sentences, the most pressing first."""

    @property
    def morning(self) -> tuple[str, ...]:
        """Say which variants can be told apart, where that is more than the headline says, then what to look at."""
        if len(self.groups) < 2:
            return self.look_first
        groups = " | ".join(", ".join(group) for group in self.groups)
        return f"Groups that can be told apart, best first: {groups}", *self.look_first


def variants_view(
    variants: Sequence[Variant],
    records: Sequence[Record],
    labels: Sequence[Label],
    *,
    custom: Mapping[str, CustomMetric],
    seed: int,
    resamples: int = RESAMPLES,
) -> VariantsView:
    """Rank the variants by outcome, on the records that all of them have an outcome for.

    All intervals come from the same resamples of whole clusters, so variants are compared in pairs. A variant that has
    no outcome at all is left out of the ranking and keeps its row.
    """
    by_variant = {
        variant.name: ev.gather(variant.cascade, records, variant.outputs, labels, custom=custom)
        for variant in variants
    }
    scores = {name: ev.outcome_scores(evidence, SYSTEM) for name, evidence in by_variant.items()}
    ranked = [name for name, values in scores.items() if not np.isnan(values).all()]
    columns = dict(zip(ranked, complete_cases([scores[name] for name in ranked]), strict=True)) if ranked else {}
    columns |= {name: values for name, values in scores.items() if name not in columns}
    evaluated = next(iter(by_variant.values())).records
    prices = {f"price of {variant.name}": _prices(variant, evaluated) for variant in variants}
    units = clusters(record.unit for record in evaluated)
    drawn = resample({**columns, **prices}, units, rng=np.random.default_rng(seed), resamples=resamples)
    shared = int((~np.isnan(columns[ranked[0]])).sum()) if ranked else 0
    ranks = _ranks(ranked if shared > 1 else [], drawn)
    rows = [
        VariantRow(
            variant=variant.name,
            run=variant.run,
            outcome=drawn.mean(variant.name),
            best=ranks.get(variant.name, (None, None))[0],
            worst=ranks.get(variant.name, (None, None))[1],
            price=drawn.mean(f"price of {variant.name}"),
            is_paid=variant.is_paid,
            calls=variant.calls,
            dollars=variant.dollars,
            error=variant.error,
        )
        for variant in variants
    ]
    rows.sort(key=lambda row: -math.inf if math.isnan(row.outcome.value) else row.outcome.value, reverse=True)
    leaders = tuple(row.variant for row in rows if row.best == 1)
    cascade = variants[0].cascade
    return VariantsView(
        cascade=cascade.name,
        noun=cascade.noun,
        outcome=ev.outcome_name(cascade),
        headline=_headline(rows, leaders, shared, cascade.noun),
        records=shared,
        rows=tuple(rows),
        leaders=leaders,
        calls=sum(row.calls for row in rows),
        dollars=sum(row.dollars for row in rows),
        groups=groups_of(rows),
        look_first=_look_first(rows, leaders),
    )


def groups_of(rows: Sequence[VariantRow]) -> tuple[tuple[str, ...], ...]:
    """The variants in groups whose ranks do not overlap, best group first; those without a rank are in none."""
    groups: list[list[str]] = []
    end = 0
    for row in sorted((row for row in rows if row.best is not None), key=lambda row: row.best or 0):
        assert row.best is not None, "rows without a rank are left out"
        assert row.worst is not None, "a best rank comes with a worst"
        if row.best > end:
            groups.append([])
        groups[-1].append(row.variant)
        end = max(end, row.worst)
    return tuple(map(tuple, groups))


def _look_first(rows: Sequence[VariantRow], leaders: Sequence[str]) -> tuple[str, ...]:
    """Say what stopped, which of the leaders costs least, and which two runs to compare."""
    sentences = [f"{row.variant} stopped: {row.error}" for row in rows if row.error]
    ahead = [row for row in rows if row.variant in leaders]
    priced = [row for row in ahead if row.price.is_measured]
    if len(ahead) > 1 and len(priced) == len(ahead):
        cheapest = min(priced, key=lambda row: row.price.value)
        sentences.append(f"{sentence(cheapest.variant)} costs least of those that are ahead.")
    ranked = [row for row in rows if row.best is not None]
    if len(ranked) > 1:
        best, other = ranked[0], next((row for row in ranked[1:] if row.variant not in leaders), ranked[1])
        sentences.append(f"Read what {best.variant} changes: `stagegap compare {other.run} {best.run}`.")
    return tuple(sentences)


def _prices(variant: Variant, records: Sequence[Record]) -> Floats:
    """What each record cost in US dollars, NaN where nothing with a price was asked."""
    costs: dict[str, float] = {}
    for (cell, _), outputs in variant.outputs.items():
        for record, output in outputs.items() if cell == str(SYSTEM) else ():
            if output.cost is not None:
                costs[record] = costs.get(record, 0.0) + output.cost
    return np.array([costs.get(record.id, math.nan) for record in records], dtype=np.float64)


def _ranks(names: Sequence[str], drawn: Resamples) -> dict[str, tuple[int, int]]:
    if not names:
        return {}
    values = np.array([drawn.point(name) for name in names])
    means = np.stack([drawn.means[name] for name in names], axis=1)
    rows = np.stack([drawn.columns[name] for name in names], axis=1)
    ranks = rank_sets(values, means, rows=rows, codes=drawn.clusters.codes)
    return {name: (ranks.best[i], ranks.worst[i]) for i, name in enumerate(names)}


def _headline(rows: Sequence[VariantRow], leaders: Sequence[str], shared: int, noun: str) -> str:
    """The verdict: one variant, or those that can't be told apart."""
    if not leaders:
        return f"Nothing to rank: {counted(shared, noun)} with an outcome in every variant"
    if len(rows) == 1:
        return f"{sentence(rows[0].variant)} is the only variant"
    if len(leaders) == 1:
        first = rows[0]
        share = f"{figures.share(first.outcome.value)} ({figures.interval(first.outcome)})"
        return f"{sentence(first.variant)} is the best variant: {share}"
    if len(leaders) == len(rows):
        return f"No variant stands out: {listed(leaders)} can't be told apart"
    return f"{sentence(listed(leaders))} are ahead and can't be told apart"


_COLUMNS = (
    Column(name="Variant", unit=Unit.TEXT, key="variant", is_carried=True),
    Column(name="Run", unit=Unit.TEXT, key="run", is_carried=True),
    Column(name="Outcome", unit=Unit.SHARE, key="after"),
    Column(name="Rank", unit=Unit.TEXT),
    Column(name="A record alone", unit=Unit.MONEY, key="dollars a record"),
    Column(name="Best rank", unit=Unit.COUNT, key="best", is_carried=True, is_hidden=True),
    Column(name="Worst rank", unit=Unit.COUNT, key="worst", is_carried=True, is_hidden=True),
    Column(name="Place", unit=Unit.TEXT, key="stage", is_hidden=True),
    Column(name="Calls", unit=Unit.COUNT, key="calls", is_carried=True),
    Column(name="Paid", unit=Unit.MONEY, key="dollars", is_carried=True),
    Column(name="Error", unit=Unit.TEXT, key="error", is_carried=True, is_hidden=True),
)


def variants_sheet(view: VariantsView) -> Sheet:
    """The ranking of a night, best first, and what to look at in the morning."""
    return Sheet(
        headline=view.headline,
        parts=(
            f"By {view.outcome}, on {counted(view.records, view.noun)} that every variant answered. A rank is the "
            f"range that the data do not exclude (95%, all variants at once). {view.calls:,} calls that count, "
            f"{figures.money(view.dollars)} paid.",
            Table(
                columns=_COLUMNS,
                rows=tuple(_cells(row) for row in view.rows),
                strong=frozenset(place for place, row in enumerate(view.rows) if row.variant in view.leaders),
            ),
            *view.morning,
        ),
    )


def _cells(row: VariantRow) -> tuple[Entry, ...]:
    rank = None if row.best is None or row.worst is None else ranks(row.best, row.worst)
    limits = (row.best, row.worst)
    price = row.price if row.price.is_measured else "?" if row.is_paid else ""
    return row.variant, row.run, row.outcome, rank, price, *limits, "outcome", row.calls, row.dollars, row.error
