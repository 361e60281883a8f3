"""Charts as Vega-Lite specifications: the same marks, for whoever wants to draw or restyle them elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from stagegap.charts.cheaper import cheaper_chart
from stagegap.charts.compare import changes_chart
from stagegap.charts.failures import groups_chart
from stagegap.charts.faults import first_faults_chart
from stagegap.charts.gap import both_gains_chart, ceiling_chart, contributions_chart, gap_chart
from stagegap.charts.marks import Chart, Scale
from stagegap.charts.oddities import oddity_chart
from stagegap.charts.people import agreement_chart
from stagegap.charts.plots import Plot
from stagegap.charts.runs import best_so_far_plot, scatter_plot, variants_chart
from stagegap.model.estimate import Estimate
from stagegap.model.record import Json

AS_DATA: Mapping[str, Callable[..., Chart | Plot]] = {  # each takes the view that it draws
    "agreement": agreement_chart,
    "best_so_far": best_so_far_plot,
    "both_gains": both_gains_chart,
    "ceiling": ceiling_chart,
    "changes": changes_chart,
    "cheaper": cheaper_chart,
    "contributions": contributions_chart,
    "first_faults": first_faults_chart,
    "gap": gap_chart,
    "groups": groups_chart,
    "oddity_plot": oddity_chart,
    "scatter": scatter_plot,
    "variants": variants_chart,
}
"""Every drawing with marks, as data; the others are lists and tables."""

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
COLOURS = {"system": "#0072B2", "person": "#1B2430", "worst": "#C24E00", "soft": "#566172", "mute": "#8592A0"}
"""The light theme's, by what they mean."""
_DRAWN: dict[str, dict[str, Json]] = {
    "band": {"type": "bar", "height": 10, "opacity": 0.26},
    "bar": {"type": "bar", "height": 18},
    "bounds": {"type": "bar", "height": 18, "opacity": 0.55},
    "line": {"type": "rule", "size": 3},
    "dotted": {"type": "rule", "size": 2, "strokeDash": [2, 3]},
    "whisker": {"type": "rule", "size": 2},
    "rule": {"type": "tick", "thickness": 1.5},
    "dot": {"type": "point", "shape": "circle", "filled": True, "size": 90},
    "diamond": {"type": "point", "shape": "diamond", "filled": True, "size": 110},
}
"""How each shape is drawn, from the back to the front."""
_SPANS = ("band", "bar", "bounds", "line", "dotted", "whisker")


def vega(name: str, view: object, **options: str) -> dict[str, Json] | None:
    """The specification of the drawing of that name, `gap` or `scatter`, of a view; None where it has no marks.

    `options` are those of the drawing: the knob and the measure of `scatter`.
    """
    return specification(AS_DATA[name](view, **options)) if name in AS_DATA else None


def specification(drawing: Chart | Plot) -> dict[str, Json]:
    """A Vega-Lite specification of a chart, its data inside: one row a mark, with what it is and its printed number."""
    return _chart(drawing) if isinstance(drawing, Chart) else _plot(drawing)


def _chart(chart: Chart) -> dict[str, Json]:
    rows = list(_rows(chart))
    used = {str(row["shape"]) for row in rows}
    y: Json = {"field": "row", "type": "nominal", "sort": [row.head for row in chart.rows], "title": None}
    return {
        "$schema": SCHEMA,
        "description": chart.caption,
        "title": chart.caption,
        "width": "container",
        "data": {"values": [*rows]},
        "encoding": {"y": y},
        "layer": [_layer(shape, chart.scale) for shape in _DRAWN if shape in used],
    }


def _rows(chart: Chart) -> Iterator[dict[str, Json]]:
    for row in chart.rows:
        for mark in row.marks:
            yield {
                "row": row.head,
                "mark": mark.role,
                "shape": mark.shape,
                "meaning": mark.tone,
                "low": mark.low,
                "high": mark.high,
                "printed": " ".join(part for part in row.end if part),
                "sentence": row.says,
            }


def _layer(shape: str, scale: Scale) -> dict[str, Json]:
    across: dict[str, Json] = {
        "x": {
            "field": "low",
            "type": "quantitative",
            "title": "points" if scale.is_signed else "share",
            "scale": {"domain": [scale.low, scale.high], "zero": False},
            "axis": {"format": "+.0%" if scale.is_signed else ".0%"},
        },
        "color": _colour(),
        "tooltip": [{"field": name, "type": "nominal"} for name in ("row", "mark", "printed", "sentence")],
    }
    if shape in _SPANS:
        across["x2"] = {"field": "high"}
    return {"transform": [{"filter": f"datum.shape === '{shape}'"}], "mark": _DRAWN[shape], "encoding": across}


def _colour() -> Json:
    return {
        "field": "meaning",
        "type": "nominal",
        "scale": {"domain": [*COLOURS], "range": [*COLOURS.values()]},
        "legend": None,
    }


def _plot(plot: Plot) -> dict[str, Json]:
    is_number = all(isinstance(dot.place, float) for dot in plot.dots)
    x: Json = {
        "field": "x",
        "type": "quantitative" if is_number else "nominal",
        "title": plot.x_name,
        "sort": None,
        **({"scale": {"zero": False}} if is_number else {}),
    }
    share: dict[str, Json] = {"type": "quantitative", "title": "share", "axis": {"format": ".0%"}}
    names: Sequence[Json] = [{"field": name, "type": "nominal"} for name in ("name", "value", "low", "high", "n")]
    layers: list[Json] = [
        {"mark": {"type": "rule", "size": 8, "opacity": 0.26, "color": COLOURS["system"]},
         "encoding": {"y": {"field": "low", **share}, "y2": {"field": "high"}}},
        {"mark": {"type": "point", "filled": True, "size": 90, "color": COLOURS["system"]},
         "encoding": {"y": {"field": "value", **share}, "tooltip": [*names]}},
    ]  # fmt: skip
    if any(dot.other is not None for dot in plot.dots):
        layers.append(
            {"mark": {"type": "point", "shape": "diamond", "filled": True, "size": 90, "color": COLOURS["person"]},
             "encoding": {"y": {"field": "other", **share}}}
        )  # fmt: skip
    if plot.is_stepped:
        layers.append(
            {"mark": {"type": "line", "interpolate": "step-after", "color": COLOURS["soft"]},
             "encoding": {"y": {"field": "line", **share}}}
        )  # fmt: skip
    return {
        "$schema": SCHEMA,
        "description": plot.says,
        "width": "container",
        "data": {"values": [*_dots(plot)]},
        "encoding": {"x": x},
        "layer": layers,
    }


def _dots(plot: Plot) -> Iterator[Json]:
    reached = dict(plot.line) if plot.is_stepped else {}
    for dot in plot.dots:
        other = dot.other if dot.other is not None and dot.other.is_measured else None
        yield {"x": dot.place, "name": dot.name, **_figures(dot.estimate), "line": reached.get(dot.x),
               "other": other.value if other else None}  # fmt: skip


def _figures(estimate: Estimate) -> dict[str, Json]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n}
