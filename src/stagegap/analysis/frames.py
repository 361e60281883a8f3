"""Lists of a scorecard as rows: groups of records and failures, for data frames and CSV."""

from __future__ import annotations

from stagegap.analysis.views import Scorecard
from stagegap.tables.table import Row, estimate_columns


def group_rows(view: Scorecard) -> list[Row]:
    """One row a group of records at a stage, in the order of the view."""
    return [
        {
            "stage": detail.stage,
            "group": group.group,
            "failures": group.failures,
            "excess": group.excess,
            "stands_out": group.stands_out,
            **estimate_columns(group.rate),
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
