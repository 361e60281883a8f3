"""Many runs or variants: knobs and estimates, any against any, and the best so far."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate, pairwise

from stagegap.analysis.changes import OUTCOME
from stagegap.analysis.runs import RunPoint, RunsView
from stagegap.analysis.variants import VariantRow, VariantsView
from stagegap.charts.content import scroll_table
from stagegap.charts.marks import Chart, Key, Row, at, between
from stagegap.charts.plots import LEFT, RIGHT, WIDTH, Dot, Plot
from stagegap.model.estimate import Estimate
from stagegap.tables import figures


def variants_chart(view: VariantsView) -> Chart:
    """A dot and an interval for each variant; the ranks that the data do not exclude stand beside it."""
    return Chart(
        kind="sl",
        caption=f"{view.outcome}, variant by variant, best first",
        rows=tuple(_variant_row(variant, leads=variant.variant in view.leaders) for variant in view.rows),
        key=(
            Key(text="may be the best", shape="dot"),
            Key(text="behind", shape="dot", tone="soft"),
            Key(text="95% interval", shape="band"),
        ),
        empty="No variant has run.",
    )


def variants(view: VariantsView) -> str:
    """Draw a dot and an interval for each variant."""
    return variants_chart(view).html()


def rank(variant: VariantRow) -> str:
    """The ranks of a variant that the data do not exclude: `1`, `1 to 3`; empty where nothing was measured."""
    if variant.best is None or variant.worst is None:
        return ""
    return f"{variant.best}" if variant.best == variant.worst else f"{variant.best} to {variant.worst}"


def _variant_row(variant: VariantRow, *, leads: bool) -> Row:
    outcome, head = variant.outcome, variant.variant
    if not outcome.is_measured:
        why = variant.error or outcome.method
        return Row(head=head, says=f"{head}: {why}.", note=why)
    tone = "system" if leads else "soft"
    value = figures.share(outcome.value)
    return Row(
        head=head,
        says=f"{head}: {value}, {figures.interval(outcome)}, {outcome.n:,} records, rank {rank(variant)}.",
        marks=(
            between("band", (outcome.low, outcome.high), tone=tone, role="95% interval"),
            at("dot", outcome.value, tone=tone, role="may be the best" if leads else "behind"),
        ),
        end=(value, f"({figures.span(outcome)}, n {outcome.n:,})", f"rank {rank(variant)}"),
    )


APART = 12.0
"""Between two runs of the same value, where there is room."""
WIDEST_CROWD = 120.0
"""That the runs of one value take at most."""


def outcomes_of_runs(view: RunsView) -> str:
    """The table of all runs with their outcome."""
    return runs_table(view, measure="outcome")


def runs_table(view: RunsView, *, measure: str) -> str:
    """Draw one row a run, newest first: its knobs and its estimates; `measure` is the one that is marked."""
    if not view.rows:
        return '<div class="bc"><p class="none">No run is done yet.</p></div>'
    heads = ["Run", *view.measures, *map(knob_title, view.knobs), "Cost"]
    head = "".join(f'<th scope="col"{_on(name == measure)}>{escape(name)}</th>' for name in heads)
    best = next((point.run for point in reversed(view.rows) if point.is_best_so_far), "")
    body = "".join(_row(point, view, is_best=point.run == best) for point in reversed(view.rows))
    caption = "Runs by knobs and estimates, newest first"
    return scroll_table(head, body, caption=caption, table="rt", label="All runs", box="scroll wide")


def knob_title(name: str) -> str:
    """A knob as people call it.

    >>> knob_title("stages.retrieve.with.k"), knob_title("file stages.py")
    ('retrieve k', 'file stages.py')
    """
    parts = [part for part in name.removeprefix("stages.").split(".") if part != "with"]
    return " ".join(parts) if name.startswith("stages.") else name


def _on(marked: bool) -> str:
    return ' class="on"' if marked else ""


def _row(point: RunPoint, view: RunsView, *, is_best: bool) -> str:
    best = ' <small class="tag">best so far</small>' if is_best else ""
    tags = "".join(f' <small class="tag">{escape(tag)}</small>' for tag in point.tags)
    knobs = "".join(f"<td>{escape(point.knobs.get(name) or '–')}</td>" for name in view.knobs)
    estimates = "".join(f"<td>{_estimate(point.estimates.get(name))}</td>" for name in view.measures)
    cost = f"${point.cost:,.2f}" if point.cost else "–"
    return f'<tr><th scope="row">{escape(point.run)}{best}{tags}</th>{estimates}{knobs}<td>{cost}</td></tr>'


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None or not estimate.is_measured:
        return "–"
    return f"{figures.share(estimate.value)} <small>({figures.span(estimate)}, n {estimate.n:,})</small>"


def scatter_plot(view: RunsView, *, knob: str, measure: str) -> Plot:
    """Each run's estimate, with its interval, over the value of a knob; numbers stand to scale."""
    points = [(point, point.estimates[measure]) for point in view.rows if _has(point, measure)]
    says = f"{measure} of {len(points)} runs over {knob}"
    if not points:
        return Plot(says=says, x_name=knob_title(knob), empty=f"No run has {measure}.")
    values = [point.knobs.get(knob, "") for point, _ in points]
    axis = _Knob.of(values)
    return Plot(
        says=says,
        x_name=knob_title(knob),
        dots=tuple(
            Dot(x=x, place=_place(value), name=point.run, estimate=estimate)
            for x, value, (point, estimate) in zip(axis.beside(values), values, points, strict=True)
        ),
        names=tuple((x, value) for value, x in axis.places.items()),
    )


def scatter(view: RunsView, *, knob: str, measure: str) -> str:
    """Draw each run's estimate over the value of a knob."""
    return scatter_plot(view, knob=knob, measure=measure).html()


def best_so_far_plot(view: RunsView) -> Plot:
    """The outcome of each run in the order in which they were made, and the best up to each."""
    points = [(point, point.estimates[OUTCOME]) for point in view.rows if _has(point, OUTCOME)]
    says = f"{view.outcome_name} of {len(points)} runs in order, and the best so far"
    x_name = "runs in order; the line is the best so far"
    if not points:
        return Plot(says=says, x_name=x_name, empty="No run has an outcome yet.")
    places = _Knob.of([point.run for point, _ in points]).places
    best = accumulate((estimate.value for _, estimate in points), max)
    return Plot(
        says=says,
        x_name=x_name,
        dots=tuple(
            Dot(x=places[point.run], place=point.run, name=point.run, estimate=estimate) for point, estimate in points
        ),
        names=tuple((places[point.run], point.run) for point, _ in points),
        line=tuple((places[point.run], value) for (point, _), value in zip(points, best, strict=True)),
        is_stepped=True,
    )


def best_so_far(view: RunsView) -> str:
    """Draw the outcome of each run in the order in which they were made, and the best up to each."""
    return best_so_far_plot(view).html()


def _has(point: RunPoint, measure: str) -> bool:
    return measure in point.estimates and point.estimates[measure].is_measured


@dataclass(frozen=True, slots=True)
class _Knob:
    """The horizontal axis: numbers to scale, other values side by side in their order."""

    places: dict[str, float]

    @classmethod
    def of(cls, values: Sequence[str]) -> _Knob:
        distinct = list(dict.fromkeys(values))
        numbers = {value: _number(value) for value in distinct}
        half = min(WIDEST_CROWD, (max(Counter(values).values()) - 1) * APART) / 2
        start, room = LEFT + 20 + half, WIDTH - LEFT - RIGHT - 40 - 2 * half
        scaled = {value: number for value, number in numbers.items() if number is not None}
        low, high = min(scaled.values(), default=0.0), max(scaled.values(), default=0.0)
        if len(scaled) == len(distinct) and low < high:
            places = {value: start + room * (number - low) / (high - low) for value, number in scaled.items()}
        else:
            step = room / max(len(distinct) - 1, 1)
            places = {value: start + i * step for i, value in enumerate(distinct)}
        if len(distinct) == 1:
            places = {distinct[0]: start + room / 2}
        return cls(places)

    def beside(self, values: Sequence[str]) -> list[float]:
        """A place for each run: runs of the same value stand side by side around it and hide none."""
        ordered = sorted(self.places.values())
        room = min([WIDEST_CROWD, *(0.8 * (b - a) for a, b in pairwise(ordered))])
        counts, met = Counter(values), Counter[str]()
        step = min(APART, room / max(1, max(counts.values()) - 1))
        places: list[float] = []
        for value in values:
            places.append(self.places[value] + (met[value] - (counts[value] - 1) / 2) * step)
            met[value] += 1
        return places


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _place(value: str) -> str | float:
    number = _number(value)
    return value if number is None else number
