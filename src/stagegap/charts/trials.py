"""What was tried on a run: stages taught with less, and stages without something, odd or not."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from stagegap.charts.oddities import oddity_plot
from stagegap.tables import figures

if TYPE_CHECKING:  # the screen's own modules bring numpy along, which a first page does without
    from stagegap.analysis.oddities.card import Screen, Taught, Tried


def trials(screen: Screen) -> str:
    """Draw the curves with what they say, and one row for each thing that was taken away; empty without any."""
    return "".join([*map(_curve, screen.curves), _without(screen.tried)])


def _curve(taught: Taught) -> str:
    return f"<p>{escape(taught.sentence)}</p>{oddity_plot(taught.plot)}"


def _without(rows: Sequence[Tried]) -> str:
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Without", "Change in points", "Better", "Worse"))
    body = "".join(
        f'<tr><th scope="row">{escape(trial.what)} <div class="notes">{escape(judged(trial))}</div></th>'
        f"<td>{change(trial)}</td><td>{trial.better:,}</td><td>{trial.worse:,}</td></tr>"
        for trial in rows
    )
    return (
        '<div class="bc"><div class="scroll" tabindex="0" role="region" aria-label="What was taken away">'
        '<table class="fl ls ck"><caption class="sr">Scores without something, minus with it</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


def judged(trial: Tried) -> str:
    """Say of which stage it was taken, and whose score is compared: `of draft; score of draft`."""
    return f"of {trial.stage}; score of {trial.judged}"


def change(trial: Tried) -> str:
    """The change with its interval and n: `−3 (−6 to 0; n = 120)`."""
    estimate = trial.change
    return (
        f"{figures.points(estimate.value)} ({figures.span(estimate)}; n = {estimate.n:,})"
        if estimate.is_measured
        else estimate.method
    )
