"""How the stages of runs were trained: their curves side by side, as they were logged."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from stagegap.model.curves import Training, digits
from stagegap.model.wording import counted, listed
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Sheet, Table

LOGGED = "Values are what the code of the stage logged: they rest on its own records, and have no interval."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTraining:
    """What the stages of one run learned."""

    run: str
    """`v3`"""
    stages: tuple[Training, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingView:
    """Runs beside each other, in the order in which they were asked for."""

    cascade: str
    runs: tuple[RunTraining, ...]

    @property
    def is_empty(self) -> bool:
        return not any(run.stages for run in self.runs)

    @property
    def is_over(self) -> bool:
        """False while a stage still learns, or where its training was killed."""
        return all(stage.seconds is not None for run in self.runs for stage in run.stages)


_COLUMNS = (
    Column(name="Run", unit=Unit.TEXT, key="run", is_carried=True),
    Column(name="Stage", unit=Unit.TEXT, key="stage", is_carried=True),
    Column(name="Value", unit=Unit.TEXT, key="value", is_carried=True),
    Column(name="Learns from", unit=Unit.COUNT, key="records", is_carried=True, spare=1),
    Column(name="Steps", unit=Unit.COUNT, key="points", is_carried=True, spare=2),
    Column(name="First", unit=Unit.TEXT, key="first", is_carried=True),
    Column(name="Best", unit=Unit.TEXT, key="best", is_carried=True),
    Column(name="At step", unit=Unit.TEXT, key="best_step", is_carried=True),
    Column(name="Last", unit=Unit.TEXT, key="last", is_carried=True),
)


def training_sheet(view: TrainingView) -> Sheet:
    """One row a logged value of each stage and run; the points of each curve stand in the view."""
    names = [run.run for run in view.runs]
    if view.is_empty:
        return Sheet(
            headline=f"No stage of {listed(names)} learns: see `fit` in docs/guide.md" if names else "There is no run"
        )
    stages = dict.fromkeys(stage.stage for run in view.runs for stage in run.stages)
    sentences = [f"{run.run}: {stage.sentence}" for run in view.runs for stage in run.stages]
    return Sheet(
        headline=f"What {listed(list(stages))} learned in {counted(len(names), 'run')}",
        parts=(*sentences, Table(columns=_COLUMNS, rows=tuple(_rows(view))), LOGGED),
    )


def _rows(view: TrainingView) -> Iterator[tuple[Entry, ...]]:
    for run in view.runs:
        for stage in run.stages:
            for curve in stage.curves:
                best, step = curve.best
                first, last = digits(curve.values[0]), digits(curve.last)
                place = "" if math.isnan(step) else f"{step:g}"
                yield (
                    run.run,
                    stage.stage,
                    curve.name,
                    stage.records,
                    len(curve.steps),
                    first,
                    digits(best),
                    place,
                    last,
                )
