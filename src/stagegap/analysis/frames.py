"""Views as rows: plain lists of dicts with stable columns, for data frames, CSV and the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from stagegap.analysis.agree import AgreeView
from stagegap.analysis.blame import Blame
from stagegap.analysis.changes import Claim
from stagegap.analysis.faults import FaultsView
from stagegap.analysis.need import NeedView
from stagegap.analysis.person_swaps import PersonSwaps
from stagegap.analysis.planted import Selfcheck
from stagegap.analysis.slices import SlicesView
from stagegap.analysis.views import Scorecard
from stagegap.model.estimate import Estimate
from stagegap.stats.paired import direction
from stagegap.stats.significance import holm
from stagegap.tables.figures import Unit

Row = dict[str, str | float | int | bool | None]

ESTIMATE_COLUMNS = ("estimate", "low", "high", "n", "clusters", "method")
FIGURES = {
    "in_place": Unit.SHARE,
    "alone": Unit.SHARE,
    "system": Unit.SHARE,
    "person": Unit.SHARE,
    "gap": Unit.POINTS,
    "agreement": Unit.SHARE,
    "gain": Unit.POINTS,
}
"""Figures of a stage, in the order of the rows."""
COLUMNS = ("stage", "figure", *ESTIMATE_COLUMNS, "p", "p_adj", "verdict", "unit")


def rows(view: Scorecard) -> list[Row]:
    """One row a figure: the outcome's first (stage empty), then seven for each stage in cascade order.

    `p` is that of a gain of 0, `p_adj` the same after Holm over the stages; `verdict` is the direction of a gain. NaN
    marks what was not measured. Where a stage is named, its gain without what picking adds comes last.
    """
    measured = [stage for stage in view.stages if stage.gain.is_measured]
    adjusted = dict(
        zip([stage.stage for stage in measured], holm(np.array([stage.p for stage in measured])).tolist(), strict=True)
    )
    whole: list[tuple[str, Estimate]] = [("system", view.system), ("ceiling", view.ceiling), ("person", view.person)]
    rows = [figure_row("", figure, estimate, Unit.SHARE) for figure, estimate in whole]
    for stage in view.stages:
        for figure, unit in FIGURES.items():
            estimate: Estimate = getattr(stage, figure)
            row = figure_row(stage.stage, figure, estimate, unit)
            if figure == "gain" and estimate.is_measured:
                row |= {"p": stage.p, "p_adj": adjusted[stage.stage], "verdict": direction(estimate)}
            rows.append(row)
    rows += [
        figure_row(repeat.stage, "variance from repeat to repeat", repeat.sigma2, Unit.NUMBER)
        for repeat in view.repeats
    ]
    if view.verdict.picked is not None:
        rows.append(figure_row(view.verdict.stage or "", "named_gain", view.verdict.picked, Unit.POINTS))
    return rows


RunView = PersonSwaps | Blame | FaultsView | AgreeView | NeedView | SlicesView | Selfcheck | Scorecard
"""Every view of a single run that has figures."""


def figures(view: RunView) -> list[Row]:
    """One row a figure of a view of a run; what was not measured has NaN and says why in `method`."""
    if isinstance(view, Scorecard):
        return rows(view)
    if isinstance(view, Selfcheck):
        return [
            figure_row(row.stage, f"{row.method}: {figure}", getattr(row, figure), Unit.SHARE)
            for row in view.rows
            for figure in ("booked", "coverage", "finds_worst")
        ]
    if isinstance(view, PersonSwaps):
        return list(_of_person_swaps(view))
    if isinstance(view, Blame):
        return list(_of_blame(view))
    if isinstance(view, FaultsView):
        return [
            figure_row(row.stage, figure, getattr(row, figure), Unit.SHARE)
            for row in view.stages
            for figure in ("fault_rate", "hazard")
        ]
    if isinstance(view, AgreeView):
        return list(_of_agree(view))
    if isinstance(view, NeedView):
        return [
            figure_row(row.stage, "gain", row.gain, Unit.POINTS) | {"verdict": direction(row.gain)}
            for row in view.stages
        ]
    return list(_of_slices(view))


def _of_blame(view: Blame) -> Iterator[Row]:
    for row in view.stages:
        gain = figure_row(row.stage, "gain", row.gain, Unit.POINTS)
        if row.gain.is_measured:
            gain |= {"p": row.p, "p_adj": row.p_adj, "verdict": direction(row.gain)}
        yield gain
        yield figure_row(row.stage, "step", row.step, Unit.POINTS)
        for figure in ("first_fault", "hazard", "answers_for"):
            yield figure_row(row.stage, figure, getattr(row, figure), Unit.SHARE)
    yield figure_row(view.named, "named_gain", view.named_gain, Unit.POINTS)


def _of_person_swaps(view: PersonSwaps) -> Iterator[Row]:
    yield figure_row("", "system", view.system, Unit.SHARE)
    yield figure_row("", "people", view.people, Unit.SHARE)
    yield claim_row("", "total", view.total)
    for row in view.stages:
        yield claim_row(row.stage, "alone", row.alone)
        yield claim_row(row.stage, "shapley", row.share)
        yield figure_row(row.stage, "banzhaf", row.banzhaf, Unit.POINTS)
        if row.harm is not None:
            yield figure_row(row.stage, "harm", row.harm.rate, Unit.SHARE)
    for pair in view.pairs:
        yield claim_row(pair.later, f"together with {pair.earlier}", pair.together)
        yield figure_row(pair.later, f"interaction with {pair.earlier}", pair.interaction, Unit.POINTS)


def claim_row(stage: str, figure: str, claim: Claim) -> Row:
    """The columns of a change that is claimed or not."""
    tested = {"p": claim.p, "p_adj": claim.p_adjusted} if not math.isnan(claim.p) else {}
    return figure_row(stage, figure, claim.change, Unit.POINTS) | tested | {"verdict": claim.verdict}


def _of_agree(view: AgreeView) -> Iterator[Row]:
    for row in view.stages:
        for figure in ("agreement", "person", "system", "gap"):
            yield figure_row(row.stage, figure, getattr(row, figure), FIGURES[figure])
        for coefficient in row.coefficients:
            yield figure_row(row.stage, coefficient.name, coefficient.value, Unit.NUMBER)
    for judgement in view.judged:
        for figure in ("people", "helped", "corrected", "passed"):
            yield figure_row(
                judgement.stage, f"judged by {judgement.criterion}: {figure}", getattr(judgement, figure), Unit.SHARE
            )
    for figure in ("end_to_end", "stage_by_stage"):
        yield figure_row("", f"architecture_{figure}", getattr(view.architecture, figure), Unit.SHARE)
    for figure in ("loss", "staged_gap"):
        yield figure_row("", f"architecture_{figure}", getattr(view.architecture, figure), Unit.POINTS)


def _of_slices(view: SlicesView) -> Iterator[Row]:
    for finding in view.findings:
        p = {"p": finding.p, "p_adj": finding.p_adj} if not math.isnan(finding.p) else {}
        yield (
            figure_row(finding.stage, f"failure rate of {finding.group}", finding.rate, Unit.SHARE)
            | p
            | {"verdict": finding.verdict}
        )
    for bottleneck in view.bottlenecks:
        yield figure_row(bottleneck.stage, f"largest gain in {bottleneck.group}", bottleneck.gain, Unit.POINTS) | {
            "verdict": bottleneck.verdict
        }
        if bottleneck.picked is not None:
            yield figure_row(bottleneck.stage, f"named gain in {bottleneck.group}", bottleneck.picked, Unit.POINTS)


def group_rows(view: Scorecard) -> list[Row]:
    """One row a group of records at a stage, in the order of the view."""
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
    """One row a failure that the view lists."""
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


def figure_row(stage: str, figure: str, estimate: Estimate, unit: Unit) -> Row:
    """Columns of one figure; what else there is to say of it is added to them."""
    tested: Row = {"p": None, "p_adj": None, "verdict": None}
    return {"stage": stage, "figure": figure, **_numbers(estimate), **tested, "unit": unit.value}


def _numbers(estimate: Estimate) -> Row:
    return {
        "estimate": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "clusters": estimate.clusters,
        "method": estimate.method,
    }
