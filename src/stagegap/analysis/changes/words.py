"""A comparison in sentences: one line for the page, two or three behind it."""

from __future__ import annotations

from stagegap.analysis.changes.views import Comparison, StageChange
from stagegap.analysis.verdict import ENOUGH_RECORDS
from stagegap.analysis.wording import counted, listed, plural, sentence
from stagegap.tables import figures


def headline(view: Comparison) -> str:
    """Say what became of the outcome, and of the stages where that would go unseen."""
    claim = view.outcome.claim
    change = claim.change
    if not view.outcome.is_compared:
        return f"The outcomes of {view.before} and {view.after} can't be compared{_moved(view.stages)}"
    if not change.is_measured:
        return f"{sentence(change.method)}{_moved(view.stages)}"
    if claim.verdict == "too few":
        return f"Too few to read: {change.n} of {ENOUGH_RECORDS} {plural(view.noun, 2)}"
    if claim.verdict == "tied":
        if change.method.startswith("exact"):
            return f"{view.after} gives the same answers as {view.before}{_moved(view.stages)}"
        return (
            f"No measurable difference between {view.before} and {view.after} (n = {change.n:,}){_moved(view.stages)}"
        )
    word = "better" if claim.verdict == "improved" else "worse"
    points = figures.percent(change.value)
    return (
        f"{view.after} is {word} than {view.before}: {figures.signed(points)} {plural('point', abs(points))}"
        f" ({figures.interval(change)})"
    )


def _moved(stages: tuple[StageChange, ...]) -> str:
    """Name the stages that moved although the outcome says nothing, the worse ones first."""
    worse = [row.stage for row in stages if row.claim.verdict == "regressed"]
    better = [row.stage for row in stages if row.claim.verdict == "improved"]
    parts = [f"{listed(names)} {_is(names)} {word}" for names, word in ((worse, "worse"), (better, "better")) if names]
    return f", but {listed(parts)}" if parts else ""


def summary(view: Comparison) -> str:
    """What the comparison rests on, and each stage that says something; the others by name."""
    both = counted(view.n, view.noun)
    start = f"Paired on {both}, judged by {view.outcome_name}."
    moved = [row for row in view.stages if row.claim.verdict in ("improved", "regressed")]
    tied = [row.stage for row in view.stages if row.is_compared and row.claim.verdict == "tied"]
    few = [row.stage for row in view.stages if row.is_compared and row.claim.verdict == "too few"]
    parts = [f"{row.sentence}." for row in moved]
    parts += [f"No measurable difference at {listed(tied)}."] if tied else []
    parts += [f"Too few to read at {listed(few)}."] if few else []
    return " ".join([start, *parts])


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
