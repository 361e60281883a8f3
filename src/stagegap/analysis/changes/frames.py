"""Views of several runs, and of single answers, as rows with the same columns as every other figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from stagegap.analysis.answers import GroupScore, ScoredAnswer
from stagegap.analysis.changes.check import CheckResult
from stagegap.analysis.changes.history import History
from stagegap.analysis.changes.views import Claim, Comparison, StageChange
from stagegap.analysis.frames import Row, figure_row
from stagegap.analysis.variants import VariantsView


def comparison_rows(view: Comparison) -> list[Row]:
    """Give before, after and change of the outcome, then of each stage; a refused comparison has none."""
    if view.refusal is not None and not view.is_accepted:
        return []
    return [row for one in (view.outcome, *view.stages) for row in _of_change(one)]


def _of_change(row: StageChange) -> Iterator[Row]:
    flips = {"fixed": row.flips.fixed, "broken": row.flips.broken}
    yield figure_row(row.stage, "before", row.before) | {"fixed": None, "broken": None}
    yield figure_row(row.stage, "after", row.after) | {"fixed": None, "broken": None}
    yield figure_row(row.stage, "change", row.claim.change) | _claimed(row.claim) | flips


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
            **figure_row("outcome", "after", row.outcome),
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
            **figure_row("outcome", "after", row.outcome),
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
            **figure_row(one.stage, "score", one.score),
        }
        for one in groups
    ]


def _claimed(claim: Claim) -> Row:
    return {"p": claim.p, "p_adj": claim.p_adjusted, "verdict": claim.verdict}
