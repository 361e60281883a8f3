"""Curves of trainings: one small plot for what is logged, with its held-out half and the other run beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from stagegap.analysis.curves import TrainingView
from stagegap.model.curves import HELD_OUT, Curve, digits

WIDTH, HEIGHT, LEFT, BOTTOM = 340, 170, 72, 26
LINES = ("", "6 4", "2 3", "9 3 2 3")
"""Dashes by run; a held-out curve is drawn with rings on the same line."""
Named = tuple[str, str, Curve]
"""Run, what the key says, and the curve."""


def training(view: TrainingView) -> str:
    """Draw each stage's curves, the runs in one plot so that they can be compared; empty where nothing was logged."""
    plots: dict[tuple[str, str], list[Named]] = {}
    for run in view.runs:
        for stage in run.stages:
            for curve in stage.curves:
                place = (stage.stage, curve.name.removeprefix(HELD_OUT))
                plots.setdefault(place, []).append((run.run, curve.name, curve))
    runs = [run.run for run in view.runs]
    drawn = "".join(_plot(f"{stage}: {name}", curves, runs) for (stage, name), curves in plots.items())
    return f'<div class="bc tr">{drawn}</div>' if drawn else ""


def _plot(title: str, curves: Sequence[Named], runs: Sequence[str]) -> str:
    points = [point for _, _, curve in curves for point in zip(curve.steps, curve.values, strict=True)]
    known = [value for _, value in points if not math.isnan(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    first, last = min(step for step, _ in points), max(step for step, _ in points)
    across = (WIDTH - LEFT - 8) / ((last - first) or 1)
    up = (HEIGHT - BOTTOM - 12) / ((high - low) or 1)

    def place(step: float, value: float) -> str:
        return f"{LEFT + (step - first) * across:.1f} {HEIGHT - BOTTOM - (value - low) * up:.1f}"

    says = "; ".join(f"{run} {name}: {digits(curve.values[0])} to {digits(curve.last)}" for run, name, curve in curves)
    lines = "".join(_line(curve, runs.index(run), place, is_aside=name != _own(name)) for run, name, curve in curves)
    axis = (
        f'<text x="{LEFT - 6}" y="16" text-anchor="end">{digits(high)}</text>'
        f'<text x="{LEFT - 6}" y="{HEIGHT - BOTTOM}" text-anchor="end">{digits(low)}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 6}">step {first:g}</text>'
        f'<text x="{WIDTH - 8}" y="{HEIGHT - 6}" text-anchor="end">{last:g}</text>'
        f'<line class="gl" x1="{LEFT}" x2="{WIDTH - 8}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>'
    )
    key = "".join(_key(run, name, runs.index(run)) for run, name, _ in curves)
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg class="pl" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(f"{title}. {says}")}">{axis}{lines}</svg><p class="small">{key}</p></figure>'
    )


def _own(name: str) -> str:
    return name.removeprefix(HELD_OUT)


def _line(curve: Curve, number: int, place: Callable[[float, float], str], *, is_aside: bool) -> str:
    parts: list[list[str]] = [[]]
    for step, value in zip(curve.steps, curve.values, strict=True):
        if math.isnan(value):
            parts.append([])
        else:
            parts[-1].append(place(step, value))
    tone = "aside" if is_aside else "own"
    dash = f' stroke-dasharray="{LINES[number % len(LINES)]}"' if LINES[number % len(LINES)] else ""
    drawn = "".join(f'<path class="{tone}"{dash} d="M{"L".join(part)}"/>' for part in parts if part)
    rings = [part[-1].split() for part in parts if part] if is_aside or len(curve.steps) == 1 else []
    return drawn + "".join(f'<circle class="{tone}" cx="{x}" cy="{y}" r="3.5"/>' for x, y in rings)


def _key(run: str, name: str, number: int) -> str:
    tone = "aside" if name != _own(name) else "own"
    dash = f' stroke-dasharray="{LINES[number % len(LINES)]}"' if LINES[number % len(LINES)] else ""
    ring = f'<circle class="{tone}" cx="24" cy="5" r="3.5"/>' if tone == "aside" else ""
    line = f'<path class="{tone}"{dash} d="M0 5L28 5"/>{ring}'
    drawn = f'<svg class="pl k" viewBox="0 0 28 10" aria-hidden="true">{line}</svg>'
    return f"<span>{drawn} {escape(run)} {escape(name)}</span> "
