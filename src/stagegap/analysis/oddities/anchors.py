"""What a stage could be expected to reach: numbers that cost nothing to know, side by side in a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.oddities.card import Mark, Plot
from stagegap.analysis.oddities.columns import Floats, RunColumns, StageColumns
from stagegap.model.estimate import Estimate
from stagegap.stats.screening import mean, share
from stagegap.tables import figures

BINS = 10


def anchors(run: RunColumns, name: str) -> Plot | None:
    """Draw guessing, the commonest answer, the stage, people and the ceiling of noisy labels; None without answers."""
    stage = run.stages[name]
    known = (stage.reference >= 0) & ~np.isnan(stage.good)
    if not known.any():
        return None
    guess = 1 / len(stage.answers)
    always, common = always_commonest(stage, known)
    exact = Estimate(value=guess, low=guess, high=guess, n=int(known.sum()), method="exact")
    marks = [
        Mark(name=f"guessing, 1 of {len(stage.answers)}", y=exact),
        Mark(name=f"always {common!r}", y=share(always, run.units)),
        Mark(name=name, y=share(np.where(known, stage.good, np.nan), run.units)),
    ]
    marks += [Mark(name="people", y=row.person) for row in run.rows if row.stage == name and row.person.is_measured]
    if name in run.people:
        ceiling = mean(best_share(run, name), run.units)
        marks += [Mark(name="best against one person", y=ceiling)] if ceiling.is_measured else []
    return Plot(title=f"What {name} could be expected to reach", marks=tuple(marks), y_name="share right")


def always_commonest(stage: StageColumns, known: NDArray[np.bool_]) -> tuple[Floats, str]:
    """Where the commonest reference answer would be right, NaN where it is not known, and that answer."""
    code = int(np.bincount(stage.reference[known]).argmax())
    return np.where(known, (stage.reference == code).astype(np.float64), np.nan), stage.answers[code]


def best_share(run: RunColumns, stage: str) -> Floats:
    """The share of people who gave the commonest answer, of records that several labelled; NaN elsewhere."""
    record, votes = ballots(run, stage)
    shares = np.full(run.n, np.nan)
    if not len(record):
        return shares
    most, total = np.zeros(run.n), np.bincount(record, weights=votes, minlength=run.n)
    np.maximum.at(most, record, votes)
    return np.where(total >= 2, most / np.maximum(total, 1), np.nan)


def ballots(run: RunColumns, stage: str) -> tuple[NDArray[np.int64], Floats]:
    """One entry a record and different answer: the record, and how many people gave that answer."""
    people = run.people[stage]
    order = np.lexsort((people.answer, people.record))
    record, answer = people.record[order], people.answer[order]
    if not len(record):
        return record, np.zeros(0)
    starts = np.flatnonzero(np.r_[True, (record[1:] != record[:-1]) | (answer[1:] != answer[:-1])])
    return record[starts], np.diff(np.r_[starts, len(record)]).astype(np.float64)


def calibration_curve(run: RunColumns, stage: StageColumns) -> Plot:
    """Draw how often a stage is right by how sure it says it is, in ten bins of equal width."""
    marks: list[Mark] = []
    bins = np.minimum((np.nan_to_num(stage.confidence, nan=-1.0) * BINS).astype(np.int64), BINS - 1)
    for place in range(BINS):
        inside = (bins == place) & (stage.confidence >= 0) & ~np.isnan(stage.good)
        if inside.any():
            right = share(np.where(inside, stage.good, np.nan), run.units)
            sure = float(stage.confidence[inside].mean())
            marks.append(Mark(name=f"{figures.share(sure)} sure", y=right, expected=sure, x=sure))
    return Plot(
        title=f"How often {stage.name} is right, by how sure it is",
        marks=tuple(marks),
        y_name="share right",
        expected_name="as sure as it says",
        line=((marks[0].x, marks[0].x), (marks[-1].x, marks[-1].x)) if marks else (),
        x_name=f"how sure {stage.name} says it is",
    )
