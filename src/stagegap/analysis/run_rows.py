"""Views of several runs, and of single answers, as rows with the same columns as every other figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from stagegap.analysis.answers import GroupScore, ScoredAnswer
from stagegap.analysis.changes import Comparison, StageChange, WhatChanged
from stagegap.analysis.checks import CheckResult
from stagegap.analysis.escalation import EscalationView
from stagegap.analysis.frames import Row, claim_row, figure_row
from stagegap.analysis.ledger import Ledger
from stagegap.analysis.reproduced import Reproduction
from stagegap.analysis.runs import History, RunsView
from stagegap.analysis.variants import VariantsView
from stagegap.tables.figures import Unit


def comparison_rows(view: Comparison) -> list[Row]:
    """Before, after and change of the outcome, then of each stage; a refused comparison has none."""
    if view.refusal is not None and not view.is_accepted:
        return []
    return [row for change in (view.outcome, *view.stages) for row in _of_change(change)]


def _of_change(row: StageChange) -> Iterator[Row]:
    flips = {"fixed": row.flips.fixed, "broken": row.flips.broken}
    yield figure_row(row.stage, "before", row.before, Unit.SHARE) | {"fixed": None, "broken": None}
    yield figure_row(row.stage, "after", row.after, Unit.SHARE) | {"fixed": None, "broken": None}
    yield claim_row(row.stage, "change", row.claim) | flips


def changed_rows(view: WhatChanged) -> list[Row]:
    """The total, then contribution and gains of each changed stage, then how stages depend on each other."""
    rows = [claim_row("outcome", "change", view.total)]
    for share in view.stages:
        if share.status == "changed":
            rows.append(claim_row(share.stage, "contribution", share.claim))
            rows.append(figure_row(share.stage, "gain alone", share.alone, Unit.POINTS))
            rows.append(figure_row(share.stage, "gain last", share.last, Unit.POINTS))
            if share.banzhaf is not None:
                rows.append(figure_row(share.stage, "banzhaf", share.banzhaf, Unit.POINTS))
            if share.harm is not None:
                rows.append(figure_row(share.stage, "harm", share.harm.rate, Unit.SHARE))
    for pair in view.pairs:
        figure = f"gain with the new {pair.earlier} rather than the old"
        rows.append(claim_row(pair.later, figure, pair.claim))
    return rows


def ledger_rows(view: Ledger) -> list[Row]:
    """One row an expectation, newest first: what was written down, and the change that came with its interval."""
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
    """One row a stage and cell, in counts of outputs."""
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
    """One row a figure of a run, oldest run first, with every knob that differs as a column of its own."""
    return [
        {
            "run": point.run,
            "is_best_so_far": point.is_best_so_far,
            "cost": point.cost,
            **{f"knob {name}": point.knobs.get(name, "") for name in view.knobs},
            **figure_row(measure, "in_place", point.estimates[measure], Unit.SHARE),
        }
        for point in view.rows
        for measure in view.measures
        if measure in point.estimates
    ]


def escalation_rows(view: EscalationView) -> list[Row]:
    """Score, gain and US dollars a record at each threshold, one a row."""
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
    """One row a run with its outcome, newest first."""
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
    """One row a variant, best first; `best` and `worst` are the ranks that the data do not exclude."""
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
    """One row a check."""
    return [
        {
            "kind": check.kind,
            "name": check.name,
            "status": check.status,
            "message": check.message,
            "detail": check.detail,
        }
        for check in results
    ]


def answer_rows(answers: Sequence[ScoredAnswer]) -> list[Row]:
    """One row a record."""
    return [
        {
            "record": answer.record,
            "title": answer.title,
            "stage": answer.stage,
            "status": answer.status,
            "output": answer.shown,
            "reference": answer.reference,
            "score": answer.score,
            "is_good": answer.is_good,
        }
        for answer in answers
    ]


def group_score_rows(groups: Sequence[GroupScore]) -> list[Row]:
    """One row a group of records."""
    return [
        {
            "group": group.group,
            "records": group.n_records,
            "lost": group.n_lost,
            **figure_row(group.stage, "score", group.score, Unit.SHARE),
        }
        for group in groups
    ]
