"""Views of several runs, and of single answers, as rows with the same columns as every other figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from stagegap.analysis.answers import GroupScore, ScoredAnswer
from stagegap.analysis.changes.check import CheckResult
from stagegap.analysis.changes.history import History
from stagegap.analysis.changes.knobs import RunsView
from stagegap.analysis.changes.ledger import Ledger
from stagegap.analysis.changes.reproduced import Reproduction
from stagegap.analysis.changes.views import Comparison, StageChange, WhatChanged
from stagegap.analysis.escalation import EscalationView
from stagegap.analysis.frames import Row, claim_row, figure_row
from stagegap.analysis.variants import VariantsView
from stagegap.tables.figures import Unit


def comparison_rows(view: Comparison) -> list[Row]:
    """Give before, after and change of the outcome, then of each stage; a refused comparison has none."""
    if view.refusal is not None and not view.is_accepted:
        return []
    return [row for one in (view.outcome, *view.stages) for row in _of_change(one)]


def _of_change(row: StageChange) -> Iterator[Row]:
    flips = {"fixed": row.flips.fixed, "broken": row.flips.broken}
    yield figure_row(row.stage, "before", row.before, Unit.SHARE) | {"fixed": None, "broken": None}
    yield figure_row(row.stage, "after", row.after, Unit.SHARE) | {"fixed": None, "broken": None}
    yield claim_row(row.stage, "change", row.claim) | flips


def changed_rows(view: WhatChanged) -> list[Row]:
    """Give the total, then contribution and gains of each changed stage, then how stages depend on each other."""
    found = [claim_row("outcome", "change", view.total)]
    for one in view.stages:
        if one.status == "changed":
            found.append(claim_row(one.stage, "contribution", one.claim))
            found.append(figure_row(one.stage, "gain alone", one.alone, Unit.POINTS))
            found.append(figure_row(one.stage, "gain last", one.last, Unit.POINTS))
            if one.banzhaf is not None:
                found.append(figure_row(one.stage, "banzhaf", one.banzhaf, Unit.POINTS))
            if one.harm is not None:
                found.append(figure_row(one.stage, "harm", one.harm.rate, Unit.SHARE))
    for pair in view.pairs:
        figure = f"gain with the new {pair.earlier} rather than the old"
        found.append(claim_row(pair.later, figure, pair.claim))
    return found


def ledger_rows(view: Ledger) -> list[Row]:
    """Give one row an expectation, newest first: what was written down, and the change that came with its interval."""
    return [
        {
            "baseline": row.expectation.baseline,
            "run": row.run,
            "place": row.expectation.place,
            "expected": row.expectation.predicted,
            "expected_low": row.expectation.low,
            "expected_high": row.expectation.high,
            "because": row.expectation.reason,
            "who": row.expectation.who,
            "is_safe_to_peek": row.peek.is_safe,
            **figure_row(row.expectation.place, "change", row.came, Unit.POINTS),
            "verdict": row.verdict,
        }
        for row in view.rows
    ]


def reproduced_rows(view: Reproduction) -> list[Row]:
    """Give one row a stage and cell, in counts of outputs."""
    return [
        {
            "cell": row.cell,
            "stage": row.stage,
            "outputs": row.n,
            "same": row.same,
            "missing": row.missing,
            "extra": row.extra,
            "not_called": row.not_called,
            "is_identical": row.is_identical,
        }
        for row in view.stages
    ]


def runs_rows(view: RunsView) -> list[Row]:
    """Give one row a figure of a run, oldest run first, with every knob that differs as a column of its own."""
    return [
        {
            "run": one.run,
            "is_best_so_far": one.is_best_so_far,
            "cost": one.cost,
            **{f"knob {name}": one.knobs.get(name, "") for name in view.knobs},
            **figure_row(measure, "in_place", one.estimates[measure], Unit.SHARE),
        }
        for one in view.rows
        for measure in view.measures
        if measure in one.estimates
    ]


def escalation_rows(view: EscalationView) -> list[Row]:
    """Give score, gain and US dollars a record at each threshold, one a row."""
    return [
        {
            "share": point.share,
            "threshold": point.threshold,
            **figure_row(view.cheap, figure, estimate, unit),
        }
        for point in view.points
        for figure, estimate, unit in (
            ("score", point.score, Unit.SHARE),
            ("gain", point.gain, Unit.POINTS),
            ("dollars a record", point.cost, Unit.MONEY),
            ("extra dollars a record", point.extra, Unit.MONEY),
        )
    ]


def history_rows(view: History) -> list[Row]:
    """Give one row a run with its outcome, newest first."""
    return [
        {
            "run": row.run,
            "status": row.status,
            "started_at": datetime.fromtimestamp(row.started_at, UTC).isoformat(timespec="seconds"),
            "records": row.records,
            "commit": row.commit,
            "cost": row.cost,
            "is_blessed": row.is_blessed,
            **figure_row("outcome", "after", row.outcome, Unit.SHARE),
        }
        for row in view.rows
    ]


def variant_rows(view: VariantsView) -> list[Row]:
    """Give one row a variant, best first; `best` and `worst` are the ranks that the data do not exclude."""
    return [
        {
            "variant": row.variant,
            "run": row.run,
            "best": row.best,
            "worst": row.worst,
            "dollars": row.dollars,
            "calls": row.calls,
            "error": row.error,
            **figure_row("outcome", "after", row.outcome, Unit.SHARE),
        }
        for row in view.rows
    ]


def check_rows(results: Sequence[CheckResult]) -> list[Row]:
    """Give one row a check."""
    return [
        {"kind": one.kind, "name": one.name, "status": one.status, "message": one.message, "detail": one.detail}
        for one in results
    ]


def answer_rows(answers: Sequence[ScoredAnswer]) -> list[Row]:
    """Give one row a record."""
    return [
        {
            "record": one.record,
            "title": one.title,
            "stage": one.stage,
            "status": one.status,
            "output": one.shown,
            "reference": one.reference,
            "score": one.score,
            "is_good": one.is_good,
        }
        for one in answers
    ]


def group_score_rows(groups: Sequence[GroupScore]) -> list[Row]:
    """Give one row a group of records."""
    return [
        {
            "group": one.group,
            "records": one.n_records,
            "lost": one.n_lost,
            **figure_row(one.stage, "score", one.score, Unit.SHARE),
        }
        for one in groups
    ]
