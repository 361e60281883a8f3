"""Views as rows: plain lists of dicts with stable columns, for data frames, CSV and the terminal."""

from __future__ import annotations

from stagegap.analysis.views import Scorecard
from stagegap.model.estimate import Estimate
from stagegap.stats.paired import direction, mcnemar

Row = dict[str, str | float | int | bool | None]

ESTIMATE_COLUMNS = ("estimate", "low", "high", "n", "clusters", "method")
FIGURES = ("in_place", "alone", "system", "person", "gap", "agreement", "gain")
COLUMNS = ("stage", "figure", *ESTIMATE_COLUMNS, "p", "verdict")


def rows(view: Scorecard) -> list[Row]:
    """Give one row a figure: the outcome's first (stage empty), then seven for each stage in cascade order.

    `p` is McNemar's exact p of a gain; `verdict` is the direction of a gain. NaN marks what was not measured.
    """
    whole: list[tuple[str, Estimate]] = [("system", view.system), ("ceiling", view.ceiling), ("person", view.person)]
    found = [_row("", figure, estimate) for figure, estimate in whole]
    for stage in view.stages:
        for figure in FIGURES:
            estimate: Estimate = getattr(stage, figure)
            row = _row(stage.stage, figure, estimate)
            if figure == "gain" and estimate.is_measured:
                row |= {"p": mcnemar(stage.fixed, stage.broken).p, "verdict": direction(estimate)}
            found.append(row)
    return found


def group_rows(view: Scorecard) -> list[Row]:
    """Give one row a group of records at a stage, in the order of the view."""
    return [
        {
            "stage": detail.stage,
            "group": group.group,
            "failures": group.failures,
            "excess": group.excess,
            "stands_out": group.stands_out,
            **_numbers(group.rate),
        }
        for detail in view.details
        for group in detail.groups
    ]


def failure_table(view: Scorecard) -> list[Row]:
    """Give one row a failure that the view lists."""
    return [
        {
            "stage": detail.stage,
            "record": row.record,
            "title": row.title,
            "system": row.system,
            "reference": row.reference,
            "score": row.score,
            "first_fault": row.first_fault,
        }
        for detail in view.details
        for row in detail.rows
    ]


def _row(stage: str, figure: str, estimate: Estimate) -> Row:
    return {"stage": stage, "figure": figure, **_numbers(estimate), "p": None, "verdict": None}


def _numbers(estimate: Estimate) -> Row:
    return {
        "estimate": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "clusters": estimate.clusters,
        "method": estimate.method,
    }
