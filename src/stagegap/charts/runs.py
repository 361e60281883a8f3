"""Many runs or variants: knobs and estimates, any against any, and the best so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from stagegap.analysis.changes import OUTCOME
from stagegap.analysis.runs import RunPoint, RunsView
from stagegap.analysis.variants import VariantRow, VariantsView
from stagegap.charts.marks import HEIGHT, LEFT, RIGHT, WIDTH, Scale, Upright, mark, row, svg, table
from stagegap.model.estimate import Estimate
from stagegap.tables import figures

_SCALE = Scale()


def variants(view: VariantsView) -> str:
    """Draw a dot and an interval for each variant; the ranks that the data do not exclude stand beside it."""
    caption = f"{view.outcome}, variant by variant, best first"
    rows = [_variant_row(variant, leads=variant.variant in view.leaders) for variant in view.rows]
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


def _variant_row(variant: VariantRow, *, leads: bool) -> str:
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


MOST_LABELS = 12
"""Names under an axis; of more values every second, third, ... is named."""
WIDEST = 18
"""Characters of a value that an axis shows."""
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
    return (
        '<div class="bc"><div class="scroll wide" tabindex="0" role="region" aria-label="All runs">'
        f'<table class="rt"><caption class="sr">Runs by knobs and estimates, newest first</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


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
    best = ' <small class="hot">best so far</small>' if is_best else ""
    tags = "".join(f' <small class="tag">{escape(tag)}</small>' for tag in point.tags)
    knobs = "".join(f"<td>{escape(point.knobs.get(name) or '–')}</td>" for name in view.knobs)
    estimates = "".join(f"<td>{_estimate(point.estimates.get(name))}</td>" for name in view.measures)
    cost = f"${point.cost:,.2f}" if point.cost else "–"
    return f'<tr><th scope="row">{escape(point.run)}{best}{tags}</th>{estimates}{knobs}<td>{cost}</td></tr>'


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None or not estimate.is_measured:
        return "–"
    return f"{figures.share(estimate.value)} <small>({figures.span(estimate)}, n {estimate.n:,})</small>"


def scatter(view: RunsView, *, knob: str, measure: str) -> str:
    """Draw each run's estimate, with its interval, over the value of a knob; numbers stand to scale."""
    points = [(point, point.estimates[measure]) for point in view.rows if _has(point, measure)]
    if not points:
        return f'<div class="bc"><p class="none">No run has {escape(measure)}.</p></div>'
    values = [point.knobs.get(knob, "") for point, _ in points]
    axis = _Knob.of(values)
    plot = Upright.of([estimate for _, estimate in points])
    drawn = [
        mark(x, estimate, point.run, plot) for x, (point, estimate) in zip(axis.beside(values), points, strict=True)
    ]
    marks = _together(drawn)
    names = "".join(
        f'<text x="{axis.at(value):.1f}" y="{HEIGHT - 16}" text-anchor="middle">{escape(_short(value))}</text>'
        for value in axis.named
    )
    says = f"{measure} of {len(points)} runs over {knob}"
    return svg(says, f"{plot.grid}{marks}{names}", under=knob_title(knob))


def best_so_far(view: RunsView) -> str:
    """Draw the outcome of each run in the order in which they were made, and the best up to each."""
    points = [(point, point.estimates[OUTCOME]) for point in view.rows if _has(point, OUTCOME)]
    if not points:
        return '<div class="bc"><p class="none">No run has an outcome yet.</p></div>'
    plot = Upright.of([estimate for _, estimate in points])
    at = _Knob.of([point.run for point, _ in points]).at
    marks = _together([mark(at(point.run), estimate, point.run, plot) for point, estimate in points])
    steps, best = "", None
    for point, estimate in points:
        x, y = at(point.run), plot.y(max(estimate.value, best if best is not None else estimate.value))
        steps += f"M{x:.1f} {y:.1f}" if best is None else f"H{x:.1f}V{y:.1f}"
        best = max(estimate.value, best) if best is not None else estimate.value
    line = f'<path class="best" d="{steps}"/>'
    every = -(-len(points) // MOST_LABELS)
    names = "".join(
        f'<text x="{at(point.run):.1f}" y="{HEIGHT - 16}" text-anchor="middle">{escape(point.run)}</text>'
        for point, _ in points[::every]
    )
    says = f"{view.outcome_name} of {len(points)} runs in order, and the best so far"
    return svg(says, f"{plot.grid}{line}{marks}{names}", under="runs in order; the line is the best so far")


def _together(marks: Sequence[str]) -> str:
    """The marks, with thin bands where there are so many that they would run into each other."""
    drawn = "".join(marks)
    return f'<g class="thin">{drawn}</g>' if len(marks) > 2 * MOST_LABELS else drawn


def _has(point: RunPoint, measure: str) -> bool:
    return measure in point.estimates and point.estimates[measure].is_measured


@dataclass(frozen=True, slots=True)
class _Knob:
    """The horizontal axis: numbers to scale, other values side by side in their order."""

    places: dict[str, float]
    named: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[str]) -> _Knob:
        distinct = list(dict.fromkeys(values))
        numbers = {value: _number(value) for value in distinct}
        half = min(WIDEST_CROWD, (max(Counter(values).values()) - 1) * APART) / 2
        start, room = LEFT + 20 + half, WIDTH - LEFT - RIGHT - 40 - 2 * half
        if len(distinct) > 1 and all(number is not None for number in numbers.values()):
            scaled = {value: number for value, number in numbers.items() if number is not None}
            low, high = min(scaled.values()), max(scaled.values())
            places = {value: start + room * (number - low) / (high - low) for value, number in scaled.items()}
            distinct = sorted(places, key=lambda value: places[value])
        else:
            step = room / max(len(distinct) - 1, 1)
            places = {value: start + i * step for i, value in enumerate(distinct)}
        if len(distinct) == 1:
            places = {distinct[0]: start + room / 2}
        every = -(-len(distinct) // MOST_LABELS)
        return cls(places, tuple(distinct[::every]))

    def at(self, value: str) -> float:
        return self.places[value]

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
        return float(text)
    except ValueError:
        return None


def _short(text: str) -> str:
    line = " ".join(text.split()) or "–"
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 1].rstrip()}…"
